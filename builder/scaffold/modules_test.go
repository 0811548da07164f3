package scaffold

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/modfile"
)

var update = flag.Bool("update", false, "write the modules anew from Weft's go.mod")

// TestModules holds the modules that are written beside handlers to the
// versions of Weft's own go.mod.
func TestModules(t *testing.T) {
	cases := map[string]struct {
		reason string
		// packages of Weft's module, or of others, that the module is for.
		path     string
		packages []string
	}{
		"weft":      {"the runtime needs a few of Weft's modules", weftModule, []string{"github.com/weftmesh/weft/runtime/fn"}},
		"framework": {"what hosts a handler of functions-framework-go", "weft.invalid/framework", []string{"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"}},
		"func":      {"what hosts a handler of func", "weft.invalid/func", []string{"knative.dev/func-go/http", "knative.dev/func-go/cloudevents"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			mod, sum := slim(t, tc.path, tc.packages)
			for file, content := range map[string][]byte{"go.mod": mod, "go.sum": sum} {
				path := filepath.Join("modules", name, file+".txt")
				if *update {
					if err := write(path, content); err != nil {
						t.Fatal(err)
					}
					continue
				}
				is, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(content), string(is)); diff != "" {
					t.Errorf("%s: %s: run go test ./builder/scaffold -run TestModules -update (-want +is):\n%s", tc.reason, path, diff)
				}
			}
		})
	}
}

// slim is a go.mod that requires what packages need, in the versions that
// Weft's has, and the sums of its module graph that Weft's go.sum knows.
func slim(t *testing.T, path string, packages []string) (mod, sum []byte) {
	t.Helper()
	versions := map[string]string{}
	type listed struct {
		Standard bool
		Module   *struct{ Path, Version string }
	}
	for p := range decode[listed](t, goCommand(t, "../..", append([]string{"list", "-deps", "-json=Standard,Module"}, packages...)...)) {
		if !p.Standard && p.Module != nil && p.Module.Path != weftModule {
			versions[p.Module.Path] = p.Module.Version
		}
	}
	own, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := modfile.Parse("go.mod", own, nil)
	if err != nil {
		t.Fatal(err)
	}
	file := &modfile.File{Syntax: &modfile.FileSyntax{}}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(file.AddModuleStmt(path))
	ok(file.AddGoStmt(parsed.Go.Version))
	for p, v := range versions {
		file.AddNewRequire(p, v, false)
	}
	file.SortBlocks()
	file.Cleanup()
	mod, err = file.Format()
	ok(err)

	sums, err := os.ReadFile("../../go.sum")
	ok(err)
	dir := t.TempDir()
	ok(os.WriteFile(filepath.Join(dir, "go.mod"), mod, 0o644))
	ok(os.WriteFile(filepath.Join(dir, "go.sum"), sums, 0o644))
	needed := map[string]bool{}
	for line := range strings.Lines(string(goCommand(t, dir, "mod", "graph"))) {
		for m := range strings.FieldsSeq(line) {
			needed[m] = true
		}
	}
	for line := range bytes.Lines(sums) {
		f := strings.Fields(string(line))
		v, gomod := strings.CutSuffix(f[1], "/go.mod")
		if gomod && needed[f[0]+"@"+v] || versions[f[0]] == v {
			sum = append(sum, line...)
		}
	}
	return mod, sum
}

func goCommand(t *testing.T, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return out
}

// decode reads a stream of JSON values.
func decode[T any](t *testing.T, data []byte) func(func(T) bool) {
	t.Helper()
	var all []T
	for dec := json.NewDecoder(bytes.NewReader(data)); ; {
		var v T
		if err := dec.Decode(&v); errors.Is(err, io.EOF) {
			return slices.Values(all)
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
}
