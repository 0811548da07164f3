package builder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHugeTree has what lies beside a handler and is none of its package be
// neither read nor watched, however much it is.
func TestHugeTree(t *testing.T) {
	root := handlerProject(t, "-- functions/hello/f.go --\npackage function\n\nimport \"net/http\"\n\nfunc Handle(w http.ResponseWriter, r *http.Request) {}\n")
	beside := filepath.Join(root, "functions", "hello")
	for _, dir := range []string{"node_modules/a/node_modules/b", ".git/objects/00", "testdata/deep", "_old"} {
		write(t, filepath.Join(beside, dir, "x.go"), "no Go")
		write(t, filepath.Join(root, dir, "x.go"), "no Go")
	}
	// Files that hold nothing, and say that they hold 2 GB.
	for _, dir := range []string{root, beside} {
		write(t, filepath.Join(dir, "big.bin"), "")
		if err := os.Truncate(filepath.Join(dir, "big.bin"), 2<<30); err != nil {
			t.Fatal(err)
		}
	}
	r := buildHandler(t, root)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	if want := []string{resolved(root), resolved(beside)}; strings.Join(r.Inputs.Dirs, " ") != strings.Join(want, " ") {
		t.Errorf("directories %v, want %v", r.Inputs.Dirs, want)
	}
	for _, f := range append(r.Inputs.Files, r.Inputs.Packages...) {
		if strings.Contains(f, "big.bin") || strings.HasSuffix(f, "x.go") || strings.Contains(f, "node_modules") {
			t.Errorf("%s is an input", f)
		}
	}
	if len(r.Inputs.Embeds) > 0 {
		t.Errorf("any file in %v would be one", r.Inputs.Embeds)
	}
	if stamp, err := os.Stat(filepath.Join(root, ".weft", "bin", "hello", "stamp.json")); err != nil || stamp.Size() > 16<<10 {
		t.Errorf("the stamp is %v (%v)", stamp, err)
	}
	if r = buildHandler(t, root); !r.Cached {
		t.Error("built anew though nothing changed")
	}
}
