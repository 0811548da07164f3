package funcrepository

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"
)

// The templates' own tests pass, with what the module cache has.
func TestTemplates(t *testing.T) {
	dirs, err := filepath.Glob("go/*")
	if err != nil || len(dirs) < 3 {
		t.Fatalf("%d templates, %v", len(dirs), err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command("go", "test", "./...")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// func reads these fields strictly.
func TestManifests(t *testing.T) {
	type env struct{ Name, Value string }
	type manifest struct {
		Name, Version, Templates, Invoke string
		HealthEndpoints                  struct{ Liveness, Readiness string } `yaml:"healthEndpoints"`
		RunEnvs                          []env                                `yaml:"runEnvs"`
	}
	files, err := filepath.Glob("go/*/manifest.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "manifest.yaml") {
		f, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		dec := yaml.NewDecoder(f)
		dec.KnownFields(true)
		if err := dec.Decode(new(manifest)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
