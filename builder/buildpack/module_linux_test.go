package buildpack_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/weftmesh/weft"
)

const weftModule = "github.com/weftmesh/weft"

// module is the files of a module with a function, that requires what provides
// packages in the versions of Weft's go.mod. Weft's own come with it.
func module(t *testing.T, source string, packages ...string) map[string]string {
	t.Helper()
	files := map[string]string{"function.go": source, "go.mod": "module example.com/user\n\ngo 1.21\n"}
	if len(packages) == 0 {
		return files
	}
	cmd := exec.Command("go", append([]string{"list", "-deps", "-json=Standard,Module"}, packages...)...)
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", packages, err)
	}
	mod := "module example.com/user\n\ngo 1.26.4\n"
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Standard bool
			Module   *struct{ Path, Version string }
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if !p.Standard && p.Module != nil && p.Module.Version != "" {
			line := "require " + p.Module.Path + " " + p.Module.Version + "\n"
			if !strings.Contains(mod, line) {
				mod += line
			}
		}
	}
	for _, p := range packages {
		if strings.HasPrefix(p, weftModule+"/") {
			mod += "require " + weftModule + " v0.0.0\nreplace " + weftModule + " => ./weft\n"
			addRuntime(t, files)
		}
	}
	sums, err := os.ReadFile("../../go.sum")
	if err != nil {
		t.Fatal(err)
	}
	files["go.mod"], files["go.sum"] = mod, string(sums)
	return files
}

// addRuntime adds the runtime as a module of its own.
func addRuntime(t *testing.T, files map[string]string) {
	t.Helper()
	goMod, err := os.ReadFile("../scaffold/modules/weft/go.mod.txt")
	if err != nil {
		t.Fatal(err)
	}
	files["weft/go.mod"] = string(goMod)
	err = fs.WalkDir(weft.Runtime, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := weft.Runtime.ReadFile(path)
		files["weft/"+path] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
