package buildpack

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is not to be kept goes, and nothing that is not below the directory.
func TestRemoveSource(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		keep   []string
		want   string
	}{
		"nothing":   {"by default an image has no source", nil, ""},
		"directory": {"all of a directory", []string{"site"}, "site/a/index.html site/style.css"},
		"nested":    {"one within another", []string{"site/a"}, "site/a/index.html"},
		"pattern":   {"files of a kind, in that directory alone", []string{"*.go"}, "main.go"},
		"letter":    {"a pattern that the name of the whole would match", []string{"?"}, "l"},
		"whole":     {"a dot is the whole", []string{"."}, ".hidden l main.go site/a/index.html site/style.css"},
	} {
		t.Run(name, func(t *testing.T) {
			parent := t.TempDir()
			root := filepath.Join(parent, "source")
			for _, file := range []string{"source/main.go", "source/.hidden", "source/site/a/index.html", "source/site/style.css", "other/file"} {
				path := filepath.Join(parent, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, nil, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink("../other", filepath.Join(root, "l")); err != nil {
				t.Fatal(err)
			}
			if err := removeSource(root, tc.keep); err != nil {
				t.Fatal(err)
			}
			var left []string
			err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					left = append(left, path[len(root)+1:])
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, strings.Join(left, " ")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if _, err := os.Stat(filepath.Join(parent, "other", "file")); err != nil {
				t.Errorf("%s: what a link leads to: %v", tc.reason, err)
			}
		})
	}
}
