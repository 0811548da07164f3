package source

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFileIn(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []struct{ reason, make, want string }{
		{"neither is there: the error names mesh.yaml", "", DefaultFile},
		{"func.yaml alone", FuncFile, FuncFile},
		{"mesh.yaml wins", DefaultFile, DefaultFile},
	} {
		if step.make != "" {
			if err := os.WriteFile(filepath.Join(dir, step.make), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := filepath.Base(FileIn(dir)); got != step.want {
			t.Errorf("%s: %s, want %s", step.reason, got, step.want)
		}
	}
}

func TestFuncYAMLStandsForAMesh(t *testing.T) {
	file := filepath.Join(t.TempDir(), FuncFile)
	if err := os.WriteFile(file, []byte("specVersion: 0.36.0\nname: hello\nruntime: go\nimage: localhost:5000/hello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, problems := Load(file, Options{})
	if b.Plan == nil {
		t.Fatal(problems)
	}
	f := b.Plan.Functions[0]
	if b.Plan.Name != "hello" || f.Name != "hello" || f.Spec.Source != "." || f.Spec.Image != "localhost:5000/hello" || f.Triggers[0].Path != "/" {
		t.Errorf("%+v", f.Spec)
	}
}
