package builder

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// libraries is a project whose function needs modules that no proxy has.
const libraries = `
-- functions/hello/handle.go --
package function

import (
	"fmt"
	"net/http"

	"example.com/greeting"
)

func Handle(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, greeting.Text) }
-- lib/greeting/go.mod --
module example.com/greeting

go 1.20
-- lib/greeting/greeting.go --
package greeting

import "example.com/words"

var Text = "hello " + words.World
-- lib/words/go.mod --
module example.com/words

go 1.20
-- lib/words/words.go --
package words

var World = "world"
`

// TestModulesAreHonoured builds handlers in all the ways in which a module may
// find what it needs, offline.
func TestModulesAreHonoured(t *testing.T) {
	requires := "require (\n\texample.com/greeting v1.0.0\n\texample.com/words v1.1.0\n)\n"
	module := "module example.com/user\n\ngo 1.20\n\n" + requires
	replaced := module + "\nreplace (\n\texample.com/greeting => ./lib/greeting\n\texample.com/words v1.1.0 => ./lib/words\n)\n"
	cases := map[string]struct {
		reason string
		files  map[string]string
		env    []string
		// prepare runs in the project before the build.
		prepare func(t *testing.T, root string)
		want    string
	}{
		"replace": {reason: "relative directories of replace lines", files: map[string]string{"go.mod": replaced}, want: "hello world"},
		"go.work": {reason: "a workspace's modules, and its replace lines above those of modules", files: map[string]string{
			"go.mod":           module,
			"go.work":          "go 1.24\n\nuse (\n\t.\n\t./lib/greeting\n)\n\nreplace example.com/words => ./other\n",
			"other/go.mod":     "module example.com/words\n",
			"other/words.go":   "package words\n\nvar World = \"other\"\n",
			"lib/words/go.mod": "module example.com/words\n",
		}, want: "hello other"},
		"GOWORK=off": {reason: "a workspace that is switched off", env: []string{"GOWORK=off"}, files: map[string]string{
			"go.mod":         replaced,
			"go.work":        "go 1.24\n\nuse .\n\nreplace example.com/words => ./other\n",
			"other/go.mod":   "module example.com/words\n",
			"other/words.go": "package words\n\nvar World = \"other\"\n",
		}, want: "hello world"},
		"vendor": {reason: "a vendor directory is all there is", files: map[string]string{"go.mod": replaced}, prepare: func(t *testing.T, root string) {
			goRun(t, root, "mod", "vendor")
			// The directories that were replaced are gone, as in a project that
			// vendored modules of a proxy.
			if err := os.RemoveAll(filepath.Join(root, "lib")); err != nil {
				t.Fatal(err)
			}
		}, want: "hello world"},
		"vendor of versions": {reason: "a vendor directory of modules that the module cache lacks", files: map[string]string{
			"go.mod": module,
			"vendor/modules.txt": "# example.com/greeting v1.0.0\n## explicit; go 1.20\nexample.com/greeting\n" +
				"# example.com/words v1.1.0\n## explicit; go 1.20\nexample.com/words\n",
			"vendor/example.com/greeting/greeting.go": "package greeting\n\nimport \"example.com/words\"\n\nvar Text = \"vendored \" + words.World\n",
			"vendor/example.com/words/words.go":       "package words\n\nvar World = \"world\"\n",
		}, want: "vendored world"},
		"modfile": {reason: "another go.mod by GOFLAGS", env: []string{"GOFLAGS=-modfile=other.mod"}, files: map[string]string{
			"go.mod": "module example.com/user\n\ngo 1.20\n", "other.mod": replaced,
		}, want: "hello world"},
		"tags": {reason: "build tags in GOFLAGS", env: []string{"GOFLAGS=-tags=loud"}, files: map[string]string{
			"go.mod":                    "module example.com/user\n\ngo 1.20\n",
			"functions/hello/a.go":      "//go:build !loud\n\npackage function\n\nconst text = \"quiet\"\n",
			"functions/hello/b.go":      "//go:build loud\n\npackage function\n\nconst text = \"loud\"\n",
			"functions/hello/handle.go": "package function\n\nimport (\n\t\"io\"\n\t\"net/http\"\n)\n\nfunc Handle(w http.ResponseWriter, r *http.Request) { io.WriteString(w, text) }\n",
		}, want: "loud"},
		"language": {reason: "the module's version of the language: before Go 1.22 a loop had one variable", files: map[string]string{
			"go.mod": "module example.com/user\n\ngo 1.20\n",
			"functions/hello/handle.go": `package function

import (
	"fmt"
	"net/http"
)

func Handle(w http.ResponseWriter, r *http.Request) {
	var all []func() int
	for i := 0; i < 3; i++ {
		all = append(all, func() int { return i })
	}
	for _, f := range all {
		fmt.Fprint(w, f(), " ")
	}
}
`}, want: "3 3 3 "},
		"go 1.15": {reason: "a module from before its requirements were complete", files: map[string]string{
			"go.mod":              strings.Replace(strings.Replace(replaced, "go 1.20", "go 1.15", 1), "\texample.com/words v1.1.0\n", "", 1),
			"lib/greeting/go.mod": "module example.com/greeting\n\nrequire example.com/words v1.1.0\n",
		}, want: "hello world"},
		"root": {reason: "the package at the root of its module, with a directory of the main's name", files: map[string]string{
			"functions/hello/go.mod":              "module example.com/hello/v2\n\ngo 1.20\n",
			"functions/hello/weftmain-hello/x.go": "package weftmain\n\nconst Text = \"mine\"\n",
			"functions/hello/handle.go":           "package hello\n\nimport (\n\t\"io\"\n\t\"net/http\"\n\n\t\"example.com/hello/v2/weftmain-hello\"\n)\n\nfunc Handle(w http.ResponseWriter, r *http.Request) { io.WriteString(w, weftmain.Text) }\n",
		}, want: "mine"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := unpack(t, libraries)
			for path, content := range tc.files {
				write(t, filepath.Join(root, path), content)
			}
			if tc.prepare != nil {
				tc.prepare(t, root)
			}
			req := requests(root, "hello")[0]
			req.Env = append(environment(), "GOFLAGS=")
			req.Env = append(req.Env, tc.env...)
			before := tree(t, root)
			for range 2 {
				r := (&Go{Root: root}).Build(context.Background(), req)[0]
				if r.Err != nil {
					t.Fatalf("%s: %v", tc.reason, r.Err)
				}
				s := serve(t, r.Binary)
				s.do(exchange{method: "GET", path: "/", status: 200, want: []string{"\n" + tc.want}})
				s.stop()
				// The second build starts from what the first has left.
				write(t, filepath.Join(root, "functions/hello/more.go"), "package "+map[bool]string{true: "hello", false: "function"}[name == "root"]+"\n")
				before = append(before, filepath.Join(root, "functions/hello/more.go"))
			}
			if after := tree(t, root); len(after) != len(before)-1 {
				t.Errorf("%s: files were added: %v", tc.reason, after)
			}
		})
	}
}

func goRun(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = dir, append(environment(), "GOFLAGS=-mod=mod")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestHandlerErrors has what keeps a handler from being built come out as the
// compiler's words, from the root, and be mended.
func TestHandlerErrors(t *testing.T) {
	const good = "package function\n\nimport \"net/http\"\n\nfunc Handle(w http.ResponseWriter, r *http.Request) {}\n"
	cases := map[string]struct {
		reason string
		files  map[string]string
		want   []string
	}{
		"NearMiss": {"a signature beside the nearest", map[string]string{"functions/hello/f.go": "package function\n\nimport \"net/http\"\n\nfunc Handle(w http.ResponseWriter, r http.Request) {}\n"},
			[]string{"functions/hello/f.go:5:1: Handle takes", "found:   func Handle(http.ResponseWriter, http.Request)", "nearest: func Handle(http.ResponseWriter, *http.Request)"}},
		"Compile":     {"the compiler's line", map[string]string{"functions/hello/f.go": good + "\nvar x int = \"\"\n"}, []string{"functions/hello/f.go:7:13: cannot use"}},
		"Syntax":      {"a file that does not parse", map[string]string{"functions/hello/f.go": good + "\nfunc (\n"}, []string{"functions/hello/f.go:"}},
		"Import":      {"a package of the module that is not there", map[string]string{"functions/hello/f.go": strings.Replace(good, "import ", "import _ \"example.com/user/nowhere\"\nimport ", 1)}, []string{"functions/hello/f.go:3:8: ", "example.com/user/nowhere"}},
		"Module":      {"a module that go.mod does not ask for is not looked for", map[string]string{"functions/hello/f.go": strings.Replace(good, "import ", "import _ \"example.org/other/thing\"\nimport ", 1)}, []string{"functions/hello/f.go:3:8: ", "no required module provides package example.org/other/thing"}},
		"BadMod":      {"a go.mod that does not parse", map[string]string{"functions/hello/f.go": good, "go.mod": "module example.com/user\n\nrequire what\n"}, []string{"go.mod:3"}},
		"Constrained": {"no file for this machine", map[string]string{"functions/hello/f.go": "//go:build never\n\n" + good}, []string{"build constraints exclude all Go files"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			write(t, filepath.Join(root, "go.mod"), "module example.com/user\n\ngo 1.21\n")
			for path, content := range tc.files {
				write(t, filepath.Join(root, path), content)
			}
			r := buildHandler(t, root)
			if r.Err == nil {
				t.Fatalf("%s: it builds", tc.reason)
			}
			if _, ok := errors.AsType[*CompileError](r.Err); !ok {
				t.Errorf("%s: got a %T", tc.reason, r.Err)
			}
			for _, want := range tc.want {
				if !strings.Contains(r.Err.Error(), want) {
					t.Errorf("%s: no %q in\n%v", tc.reason, want, r.Err)
				}
			}
			if strings.Contains(r.Err.Error(), root) || strings.Contains(r.Err.Error(), scaffoldDir) {
				t.Errorf("%s: it names a directory that people do not know:\n%v", tc.reason, r.Err)
			}
			if !r.Inputs.Contains(filepath.Join(resolved(root), "functions/hello/f.go")) || !r.Inputs.Contains(filepath.Join(resolved(root), "functions/hello/new.go")) {
				t.Errorf("%s: a watcher would not see the mending: %+v", tc.reason, r.Inputs)
			}
			if name == "BadMod" {
				write(t, filepath.Join(root, "go.mod"), "module example.com/user\n\ngo 1.21\n")
			}
			write(t, filepath.Join(root, "functions/hello/f.go"), good)
			if r := buildHandler(t, root); r.Err != nil {
				t.Errorf("%s: mended, it does not build: %v", tc.reason, r.Err)
			}
		})
	}
}

// TestHandlerChanges has a handler become another, and its inputs be those of
// its author and no other.
func TestHandlerChanges(t *testing.T) {
	root := unpack(t, strings.ReplaceAll(project, "functions/library/library.go --\npackage library", "functions/hello/f.go --\npackage library\n\nimport (\n\t\"net/http\"\n\n\t\"example.com/shop/shared\"\n)\n\nfunc Handle(w http.ResponseWriter, r *http.Request) { w.Write([]byte(shared.Greeting)) }"))
	r := buildHandler(t, root)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	real := resolved(root)
	for path, want := range map[string]bool{"functions/hello/f.go": true, "functions/hello/new.go": true, "shared/shared.go": true, "go.mod": true, "functions/one/main.go": false} {
		if got := r.Inputs.Contains(filepath.Join(real, path)); got != want {
			t.Errorf("Contains(%s) is %v", path, got)
		}
	}
	if i := slices.IndexFunc(r.Inputs.Dirs, func(d string) bool { return strings.Contains(d, ".weft") || strings.Contains(d, "weftmain") }); i >= 0 {
		t.Errorf("a watcher would watch %s", r.Inputs.Dirs[i])
	}
	if r := buildHandler(t, root); !r.Cached {
		t.Error("built anew though nothing changed")
	}
	write(t, filepath.Join(root, "shared/shared.go"), "package shared\n\nconst Greeting = \"good day\"\n")
	r = buildHandler(t, root)
	if r.Err != nil || r.Cached {
		t.Fatalf("not built though a shared package changed: %v", r.Err)
	}
	s := serve(t, r.Binary)
	s.do(exchange{method: "GET", path: "/", status: 200, want: []string{"good day"}})
	s.stop()
	write(t, filepath.Join(root, "functions/hello/f.go"), "package main\n\nfunc main() { println(\"a program now\") }\n")
	if r = buildHandler(t, root); r.Err != nil {
		t.Fatal(r.Err)
	}
	if got := run(t, r.Binary); got != "a program now" {
		t.Errorf("it prints %q", got)
	}
}

// TestHandlerIsReproducible builds the same handler in two directories, with
// other rights of its files.
func TestHandlerIsReproducible(t *testing.T) {
	requires := "module example.com/user\n\ngo 1.20\n\nrequire (\n\texample.com/greeting v1.0.0\n\texample.com/words v1.1.0\n)\n"
	replaced := requires + "\nreplace (\n\texample.com/greeting => ./lib/greeting\n\texample.com/words v1.1.0 => ./lib/words\n)\n"
	cases := map[string]struct {
		reason string
		files  map[string]string
		env    []string
		vendor bool
	}{
		"replace": {reason: "directories of replace lines", files: map[string]string{"go.mod": replaced}},
		"arm64":   {reason: "another processor", files: map[string]string{"go.mod": replaced}, env: []string{"GOOS=linux", "GOARCH=arm64"}},
		"vendor":  {reason: "a vendor directory", files: map[string]string{"go.mod": replaced}, vendor: true},
		"go.work": {reason: "a workspace above the module's directory", files: map[string]string{
			"go.mod": requires, "go.work": "go 1.24\n\nuse (\n\t.\n\t./lib/greeting\n\t./lib/words\n)\n",
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ids []string
			for i := range 2 {
				root := filepath.Join(t.TempDir(), strings.Repeat("further/", i), "project")
				for _, f := range txtar.Parse([]byte(libraries)).Files {
					write(t, filepath.Join(root, f.Name), string(f.Data))
				}
				for path, content := range tc.files {
					write(t, filepath.Join(root, path), content)
				}
				if tc.vendor {
					goRun(t, root, "mod", "vendor")
				}
				if i == 1 {
					private(t, root)
				}
				req := requests(root, "hello")[0]
				req.Env = append(append(environment(), "GOFLAGS="), tc.env...)
				r := (&Go{Root: root}).Build(context.Background(), req)[0]
				if r.Err != nil {
					t.Fatal(r.Err)
				}
				ids = append(ids, filepath.Base(filepath.Dir(r.Binary)))
			}
			if ids[0] != ids[1] {
				t.Errorf("%s: two binaries: %v", tc.reason, ids)
			}
		})
	}
}

// private takes the rights of others from files, as a umask of 077 does.
func private(t *testing.T, root string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
}
