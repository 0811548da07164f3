package builder

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/builder/scaffold"
)

// TestTell has no line name what only the build sees.
func TestTell(t *testing.T) {
	root := resolved(t.TempDir())
	module := filepath.Join(root, "app")
	write(t, filepath.Join(module, "go.mod"), "module example.com/app\n\ngo 1.99\n\nrequire (\n\texample.org/a v1.0.0\n\texample.org/b v1.0.0\n)\n")
	write(t, filepath.Join(root, "go.work"), "go 1.98\n\nuse ./app\n")
	hosted := &target{module: module, dir: module, handler: "app/f.go:5:1", scaffold: scaffold.Build{
		Package: filepath.Join(module, "weftmain"),
		Laid:    []string{filepath.Join(module, "weftmain"), filepath.Join(module, "weftruntime"), filepath.Join(module, "weftneeds")},
		Files:   []string{filepath.Join(module, "go.mod"), filepath.Join(root, "go.work"), filepath.Join(root, "go.work.sum")},
	}}
	fresh := *hosted
	hosted.completed = true
	program := &target{module: module, dir: module}
	cases := map[string]struct {
		reason     string
		target     *target
		line, want string
	}{
		"Own":      {"a position in the author's file", hosted, "./f.go:1:2: undefined: x", "app/f.go:1:2: undefined: x"},
		"Spaces":   {"a name with spaces and a colon", hosted, "./a b.go:1:2: undefined: x", "app/a b.go:1:2: undefined: x"},
		"Outside":  {"a package beyond the root stays where it is", hosted, "/elsewhere/x.go:1:2: y", "/elsewhere/x.go:1:2: y"},
		"Call":     {"what calls the handler is no file of the author's", hosted, "weftmain/main.go:30:9: cannot use x", "app/f.go:5:1: it is not called as it is written: cannot use x"},
		"Offline":  {"a module of the runtime, where nothing can be fetched", &fresh, "weftneeds/needs.go:8:2: module lookup disabled by GOPROXY=off", "what hosts handlers needs a module that cannot be had: module lookup disabled by GOPROXY=off"},
		"Needed":   {"a module that cannot be had, noticed in the runtime", hosted, "weftruntime/host/x.go:3:2: example.org/b@v1.0.0: not found", "app/go.mod:7: example.org/b@v1.0.0: not found"},
		"Unknown":  {"a module that only another asks for", hosted, "weftruntime/host/x.go:3:2: example.org/c@v1.0.0: not found", "example.org/c@v1.0.0: not found"},
		"Go":       {"a version of Go that go.mod asks for", hosted, "go: ../x/.scaffold/go.mod requires go >= 1.99 (running go 1.26)", "app/go.mod:3: requires go >= 1.99 (running go 1.26)"},
		"Work":     {"one that go.work asks for", hosted, "go: /x/go.mod requires go >= 1.98 (running go 1.26)", "go.work:1: requires go >= 1.98 (running go 1.26)"},
		"Host":     {"one that neither asks for", hosted, "go: /x/go.mod requires go >= 1.26 (running go 1.25)", "what hosts handlers requires go >= 1.26 (running go 1.25): update Go, or unset GOTOOLCHAIN"},
		"Program":  {"a program has nothing laid beside it", program, "weftmain/main.go:30:9: x", "app/weftmain/main.go:30:9: x"},
		"Sentence": {"what begins with no position", hosted, "verifying example.org/a@v1.0.0: checksum mismatch", "verifying example.org/a@v1.0.0: checksum mismatch"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, tc.target.tell(tc.line, root)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestOddNames has files of all names built, and told about by them.
func TestOddNames(t *testing.T) {
	root := filepath.Join(t.TempDir(), "it's a $place: \"here\"")
	write(t, filepath.Join(root, "go.mod"), "module example.com/user\n\ngo 1.21\n")
	write(t, filepath.Join(root, "functions/hello/f.go"), "package function\n\nimport \"net/http\"\n\nfunc Handle(w http.ResponseWriter, r *http.Request) {}\n")
	latin1 := filepath.Join(root, "functions/hello/caf\xe9-.go")
	for _, text := range []string{"1", "2"} {
		err := os.WriteFile(latin1, []byte("package function\n\nvar _ = "+text+"\n"), 0o644)
		if r := buildHandler(t, root); r.Err != nil || err == nil && r.Cached {
			t.Fatalf("%v, or it is cached though it has changed", r.Err)
		}
	}
	names := []string{"a b.go", "a:b.go", "it's \"$x\".go", "caf\u00e9.go"}
	for _, name := range names {
		write(t, filepath.Join(root, "functions/hello", name), "package function\n\nvar _ = missing\n")
	}
	if os.WriteFile(latin1, []byte("package function\n\nvar _ = missing\n"), 0o644) == nil {
		names = append(names, filepath.Base(latin1)) // some file systems take UTF-8 only
	}
	req := requests(root, "hello")[0]
	req.Env = environment()
	r := (&Go{Root: root}).Build(context.Background(), req)[0]
	if r.Err == nil {
		t.Fatal("it builds")
	}
	for _, name := range names {
		want := "\n\tfunctions/hello/" + strings.ToValidUTF8(name, "\ufffd") + ":3:9: undefined: missing"
		if !strings.Contains(r.Err.Error(), want) {
			t.Errorf("no %q in\n%v", want, r.Err)
		}
		if !r.Inputs.Contains(filepath.Join(resolved(root), "functions/hello", name)) {
			t.Errorf("a watcher would not see a change of %q", name)
		}
	}
}
