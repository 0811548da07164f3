package watch

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/builder"
)

func TestWatcher(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := func(elem ...string) string { return filepath.Join(append([]string{root}, elem...)...) }
	write := func(content string, elem ...string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(path(elem...)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path(elem...), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	inputs := func(function string, packages ...string) builder.Inputs {
		in := builder.Inputs{Function: function, Files: []string{path("go.mod")}, Dirs: []string{root}}
		for _, p := range packages {
			in.Packages = append(in.Packages, path(p))
			in.Dirs = append(in.Dirs, path(p))
		}
		return in
	}
	write("package main", "one", "main.go")
	write("package main", "two", "main.go")
	write("package shared", "shared", "shared.go")

	changes := make(chan []string)
	w, err := New(time.Millisecond, func(f []string) { changes <- f }, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, in := range []builder.Inputs{inputs("one", "one", "shared"), inputs("two", "two")} {
		if err := w.Set(in); err != nil {
			t.Fatal(err)
		}
	}
	// Writing a file can be two events, of which the second may come after
	// the settling: each change is told apart by the next one's functions.
	seen := make(map[string]bool)
	expect := func(reason string, want ...string) {
		t.Helper()
		for range 10 {
			got := <-changes
			if cmp.Equal(want, got) {
				clear(seen)
				for _, f := range want {
					seen[f] = true
				}
				return
			}
			for _, f := range got {
				if !seen[f] {
					t.Fatalf("%s: got %v, want %v", reason, got, want)
				}
			}
		}
		t.Fatalf("%s: %v never came", reason, want)
	}

	write("package main // changed", "two", "main.go")
	expect("a source file", "two")
	write("package shared // changed", "shared", "new.go")
	expect("a new file in a shared package", "one")
	write("package main", "one", "main_test.go")
	write("swap", "one", ".main.go.swp")
	write("package main // again", "two", "main.go")
	expect("tests and editors' files are passed over", "two")
	write("module x", "go.mod")
	expect("what both depend on", "one", "two")

	write("package more", "more", "more.go")
	if err := w.Set(inputs("two", "two", "more")); err != nil {
		t.Fatal(err)
	}
	write("package more // changed", "more", "more.go")
	expect("a directory watched since", "two")
	if err := w.Set(inputs("one", "one")); err != nil {
		t.Fatal(err)
	}
	write("package shared // again", "shared", "shared.go")
	write("package main // again", "one", "main.go")
	expect("a directory not watched any more is passed over", "one")
	if err := w.Set(inputs("two", "absent")); err == nil {
		t.Error("a directory that does not exist can be watched")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-changes:
			case <-w.ended:
				return
			}
		}
	}()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	<-done
}
