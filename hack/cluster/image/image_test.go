package main

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func TestParse(t *testing.T) {
	cases := map[string]struct {
		reason string
		arg    string
		want   spec
		fails  bool
	}{
		"program": {
			reason: "a program is at the root, by the image's name",
			arg:    "keda=bin/keda-operator",
			want:   spec{name: "keda", files: []file{{"bin/keda-operator", "/keda"}}},
		},
		"files": {
			reason: "files are where they are told to be; the first is the entrypoint",
			arg:    "redis=/usr/bin/redis:/usr/bin/redis,/lib/libc.so:/lib/libc.so",
			want:   spec{name: "redis", files: []file{{"/usr/bin/redis", "/usr/bin/redis"}, {"/lib/libc.so", "/lib/libc.so"}}},
		},
		"no files": {reason: "an image of nothing is a mistake", arg: "keda=", fails: true},
		"no name":  {reason: "an image needs a name", arg: "=bin/keda", fails: true},
		"relative": {reason: "a place in an image starts at its root", arg: "a=b:c", fails: true},
	}
	for title, tc := range cases {
		t.Run(title, func(t *testing.T) {
			got, err := parse(tc.arg)
			if (err != nil) != tc.fails {
				t.Fatalf("%s: error %v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(spec{}, file{})); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestArchive(t *testing.T) {
	dir := t.TempDir()
	program := filepath.Join(dir, "p")
	write := func(content string, age time.Duration) {
		t.Helper()
		at := time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(program, []byte(content), 0o600), os.Chtimes(program, at, at)); err != nil {
			t.Fatal(err)
		}
	}
	archive := func() string {
		t.Helper()
		s, err := parse("app=" + program)
		if err != nil {
			t.Fatal(err)
		}
		ref, err := s.archive(dir)
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	write("one", 2*time.Hour)
	first := archive()

	tag, err := name.NewTag(first)
	if err != nil {
		t.Fatal(err)
	}
	img, err := tarball.ImageFromPath(filepath.Join(dir, "app.tar"), &tag)
	if err != nil {
		t.Fatal(err)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/app", "65532:65532"}, []string{config.Config.Entrypoint[0], config.Config.User}); diff != "" {
		t.Errorf("entrypoint and user (-want +got):\n%s", diff)
	}
	type entry struct {
		Mode, Owner int64
		Content     string
	}
	got := map[string]entry{}
	files := mutate.Extract(img)
	defer files.Close()
	for r := tar.NewReader(files); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		got[h.Name] = entry{h.Mode, int64(h.Uid), string(content)}
	}
	want := map[string]entry{
		"tmp": {0o1777, 0, ""}, "home": {0o755, 0, ""}, "home/nonroot": {0o755, user, ""}, "app": {0o755, 0, "one"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}

	write("one", time.Hour)
	if again := archive(); again != first {
		t.Errorf("the same program is %s, then %s", first, again)
	}
	write("two", -time.Hour)
	if changed := archive(); changed == first {
		t.Errorf("a changed program is %s again", changed)
	}
}
