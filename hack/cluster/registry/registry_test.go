package main

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// serve opens the registry in dir until the test, or what is returned, ends it.
func serve(t *testing.T, dir string) (host string, stop func()) {
	t.Helper()
	h, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	stop = func() {
		s.Close()
		h.(*journal).file.Close()
	}
	t.Cleanup(stop)
	return strings.TrimPrefix(s.URL, "http://"), stop
}

func reference(t *testing.T, host string) name.Reference {
	t.Helper()
	ref, err := name.ParseReference(host + "/team/app:v1")
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestRestart(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(t *testing.T, host, journal string)
		gone   bool
	}{
		"kept": {
			reason: "what was pushed is there after a restart",
			change: func(*testing.T, string, string) {},
		},
		"cut off": {
			reason: "a line that a crash left unfinished takes nothing else with it",
			change: func(t *testing.T, _, journal string) {
				f, err := os.OpenFile(journal, os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				if _, err := f.WriteString(`{"method":"PUT","pa`); err != nil {
					t.Fatal(err)
				}
			},
		},
		"deleted": {
			reason: "what was deleted stays away",
			change: func(t *testing.T, host, _ string) {
				if err := remote.Delete(reference(t, host)); err != nil {
					t.Fatal(err)
				}
			},
			gone: true,
		},
	}
	for title, tc := range cases {
		t.Run(title, func(t *testing.T) {
			dir := t.TempDir()
			index, err := random.Index(64, 1, 2)
			if err != nil {
				t.Fatal(err)
			}
			host, stop := serve(t, dir)
			if err := remote.WriteIndex(reference(t, host), index); err != nil {
				t.Fatal(err)
			}
			tc.change(t, host, filepath.Join(dir, "manifests.jsonl"))
			stop()

			host, stop = serve(t, dir)
			got, err := remote.Get(reference(t, host))
			if tc.gone {
				if err == nil {
					t.Errorf("%s: %s is there", tc.reason, got.Digest)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if want, _ := index.Digest(); got.Digest != want {
				t.Errorf("%s: got %s, pushed %s", tc.reason, got.Digest, want)
			}
			// What comes after is kept as well.
			image, err := random.Image(64, 1)
			if err != nil {
				t.Fatal(err)
			}
			if err := remote.Write(reference(t, host), image); err != nil {
				t.Fatal(err)
			}
			stop()
			host, _ = serve(t, dir)
			if _, err := remote.Image(reference(t, host)); err != nil {
				t.Errorf("%s: %v", tc.reason, err)
			}
		})
	}
}
