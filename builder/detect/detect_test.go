package detect

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the verdicts into testdata")

// TestDetect reads each archive of testdata: its comment may hold a line
// "target: name", "tags: a,b", "goos: windows" or "cgo: true"; its file want
// is the verdict, the others are the directory.
func TestDetect(t *testing.T) {
	archives, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(archives) < 40 {
		t.Fatalf("%d archives, %v", len(archives), err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			want := -1
			for i, f := range a.Files {
				if f.Name == "want" {
					want = i
					continue
				}
				path := filepath.Join(dir, f.Name)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, f.Data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			got := verdict(Detect(dir, options(t, string(a.Comment))))
			if want < 0 {
				a.Files, want = append(a.Files, txtar.File{Name: "want"}), len(a.Files)
			}
			if *update {
				a.Files[want].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(a.Files[want].Data), got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func options(t *testing.T, comment string) Options {
	o := Options{Dir: "fn", GOOS: "linux", GOARCH: "amd64"}
	for line := range strings.Lines(comment) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok {
			continue
		}
		switch key {
		case "target":
			o.Target = value
		case "tags":
			o.Tags = strings.Split(value, ",")
		case "goos":
			o.GOOS = value
		case "cgo":
			o.Cgo = true
		case "about":
		default:
			t.Fatalf("unknown option %q", key)
		}
	}
	return o
}

// verdict is what Detect says, for people.
func verdict(h Handler, err error) string {
	var e *Error
	switch {
	case errors.As(err, &e):
		return "error\n" + err.Error() + "\n"
	case err != nil:
		return "unexpected error: " + err.Error() + "\n"
	}
	var b strings.Builder
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\n", key, value)
		}
	}
	line("kind", string(h.Kind))
	line("form", string(h.Form))
	line("name", h.Name)
	line("symbol", h.Symbol)
	if h.Instance {
		line("instance", "true")
	}
	line("hooks", strings.Join(h.Hooks, " "))
	line("framework", h.Framework)
	line("signature", h.Signature)
	line("at", h.Pos.String())
	line("why", h.Why)
	return b.String()
}
