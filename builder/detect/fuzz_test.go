package detect

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzDetect reads any source without falling over: there is a verdict, whose
// position is in the directory, or an error that says where.
func FuzzDetect(f *testing.F) {
	archives, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range archives {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			if strings.HasSuffix(file.Name, ".go") {
				f.Add(file.Data)
			}
		}
	}
	f.Add([]byte("package p\nimport fn \"github.com/weftmesh/weft/runtime/fn\"\nvar _ = fn.HTTP()\n"))
	f.Add([]byte("package p\ntype T struct{ T }\nfunc New() T { return T{} }\n"))
	f.Add([]byte("package p\nfunc (...) Handle() {}\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, source []byte) {
		if err := os.WriteFile(filepath.Join(dir, "f.go"), source, 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := Detect(dir, Options{Dir: "fn", Cgo: true})
		var e *Error
		switch {
		case errors.As(err, &e):
			if !strings.HasPrefix(e.Pos.Filename, "fn") || e.Reason == "" {
				t.Errorf("error %q at %v", e.Reason, e.Pos)
			}
		case err == nil && (h.Kind == "" || h.Why == "" || !strings.HasPrefix(h.Pos.Filename, "fn")):
			t.Errorf("%+v", h)
		}
	})
}

func BenchmarkDetect(b *testing.B) {
	dir := b.TempDir()
	source := "package function\n\nimport \"net/http\"\n\nfunc Handle(w http.ResponseWriter, r *http.Request) {}\n" + strings.Repeat("\nvar _ = func(a, b int) int { return a + b }(1, 2)\n", 500)
	if err := os.WriteFile(filepath.Join(dir, "f.go"), []byte(source), 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Detect(dir, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
