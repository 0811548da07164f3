package buildpack_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/buildpacks/libcnb"

	"github.com/weftmesh/weft/builder/buildpack"
	"github.com/weftmesh/weft/builder/buildpack/buildpackage"
)

// run is one run of a program of the buildpack, by libcnb, as the lifecycle
// has it: how it ended, and what it said.
type run struct {
	t *testing.T
	// app, layers and platform are the directories of the build.
	app, layers, platform string

	passed, failed bool
	err            error
	said           bytes.Buffer
}

var _ libcnb.ExitHandler = (*run)(nil)

func (r *run) Error(err error) { r.err = errors.Join(r.err, err) }
func (r *run) Fail()           { r.failed = true }
func (r *run) Pass()           { r.passed = true }

// newRun lays files out, and has the environment of this process be that of a
// build.
func newRun(t *testing.T, source, env map[string]string) *run {
	t.Helper()
	root := t.TempDir()
	r := &run{t: t, app: filepath.Join(root, "app"), layers: filepath.Join(root, "layers"), platform: filepath.Join(root, "platform")}
	for _, dir := range []string{r.app, r.layers, r.platform, filepath.Join(root, "buildpack")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r.source(source)
	if err := os.WriteFile(filepath.Join(root, "buildpack", "buildpack.toml"), buildpackage.Descriptor("1.2.3"), 0o644); err != nil {
		t.Fatal(err)
	}
	// What the go command keeps is kept where it is: a build of this test
	// takes no more than others do.
	out, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		t.Fatalf("go env: %v", err)
	}
	caches := strings.Split(string(out), "\n")
	for name, value := range map[string]string{
		"CNB_BUILDPACK_DIR": filepath.Join(root, "buildpack"), "CNB_PLATFORM_DIR": r.platform, "CNB_LAYERS_DIR": r.layers,
		"CNB_BUILD_PLAN_PATH": r.plan(), "CNB_BP_PLAN_PATH": filepath.Join(root, "bp-plan.toml"),
		"GOCACHE": caches[0], "GOMODCACHE": caches[1], "GOFLAGS": "", "GOWORK": "off",
		"BP_FUNCTION": "", "BP_GO_TARGETS": "", "BP_GO_BUILD_FLAGS": "", "BP_KEEP_FILES": "",
	} {
		t.Setenv(name, value)
	}
	for name, value := range env {
		t.Setenv(name, value)
	}
	t.Chdir(r.app)
	return r
}

func (r *run) plan() string { return filepath.Join(filepath.Dir(r.app), "plan.toml") }

// source lays out a source tree, in place of what the last build has left.
func (r *run) source(files map[string]string) {
	r.t.Helper()
	for path, content := range files {
		path = filepath.Join(r.app, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *run) detect() *run {
	libcnb.Detect(buildpack.Detector{Out: &r.said}, libcnb.WithExitHandler(r), libcnb.WithArguments([]string{"detect"}))
	return r
}

func (r *run) build() *run {
	libcnb.Build(buildpack.Builder{Out: &r.said}, libcnb.WithExitHandler(r), libcnb.WithArguments([]string{"build"}))
	return r
}

// read returns a file below the layers.
func (r *run) read(path string) string {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(r.layers, path))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}

const (
	handle = "package function\n\nimport (\n\t\"fmt\"\n\t\"net/http\"\n)\n\nfunc Handle(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, \"hello\") }\n"
	hello  = "package main\n\nimport \"os\"\n\nvar word = \"hello\"\n\nfunc main() { os.Stdout.WriteString(word) }\n"
	goMod  = "module example.com/user\n\ngo 1.21\n"
	mesh   = "kind: ConfigMap\n---\nkind: FunctionMesh\nspec:\n  functions:\n  - {name: sayHello}\n  - {name: greet, source: ./hi}\n  - {name: other, command: [x]}\n"
)

// TestDetect has directories pass with a plan, fail so that another buildpack
// can have them, or err.
func TestDetect(t *testing.T) {
	const hosted, own = ">= 1.26.4", ">= 1.21"
	plan := func(version string) string {
		return "[[requires]]\n  name = \"go\"\n  [requires.metadata]\n    build = true\n    version = \"" + version + "\"\n    version-source = \"go.mod\"\n\n[[or]]\n"
	}
	in := func(dir string, files map[string]string) map[string]string {
		moved := map[string]string{"go.mod": goMod}
		for path, content := range files {
			moved[dir+"/"+path] = content
		}
		return moved
	}
	with := func(files map[string]string, path, content string) map[string]string {
		files[path] = content
		return files
	}
	cases := map[string]struct {
		reason string
		files  map[string]string
		env    map[string]string
		// plan of what passes; else said, in what is printed if it fails and
		// in the error if that is what it is.
		plan, said string
		fails      bool
	}{
		"Handler":  {reason: "a handler needs the runtime's Go", files: map[string]string{"go.mod": goMod, "f.go": handle}, plan: plan(hosted), said: "function Handle in HTTP form (knative func)"},
		"Program":  {reason: "a program needs the Go of its module", files: map[string]string{"go.mod": goMod, "main.go": hello}, plan: plan(own)},
		"NoGoLine": {reason: "a module from before there was a version in it", files: map[string]string{"go.mod": "module m\n", "main.go": hello}, plan: strings.Replace(plan(own), "    version = \">= 1.21\"\n    version-source = \"go.mod\"\n", "", 1)},
		"NoGo": {reason: "without Go in the build image, another buildpack must bring it", files: map[string]string{"go.mod": goMod, "main.go": hello},
			env: map[string]string{"PATH": ""}, plan: strings.Replace(plan(own), "\n[[or]]\n", "", 1)},
		"FuncYAML":   {reason: "a func.yaml names the function", files: map[string]string{"go.mod": goMod, "f.go": handle, "func.yaml": "name: greeter\nruntime: go\n"}, plan: plan(hosted), said: "greeter: package function has"},
		"Mesh":       {reason: "a setting says which function of a mesh", files: with(in("hi", map[string]string{"f.go": handle}), "mesh.yaml", mesh), env: map[string]string{"BP_FUNCTION": "greet"}, plan: plan(hosted), said: "greet: "},
		"MeshKebab":  {reason: "its directory, if the mesh names none", files: with(in("functions/say-hello", map[string]string{"main.go": hello}), "mesh.yaml", mesh), env: map[string]string{"BP_FUNCTION": "say-hello"}, plan: plan(own), said: "sayHello: "},
		"Target":     {reason: "a setting names the directory", files: in("cmd/hi", map[string]string{"main.go": hello}), env: map[string]string{"BP_GO_TARGETS": "./cmd/hi"}, plan: plan(own), said: "hi: "},
		"Tags":       {reason: "tags count as in the build", files: map[string]string{"go.mod": goMod, "f.go": "//go:build loud\n\n" + handle}, env: map[string]string{"BP_GO_BUILD_FLAGS": "-tags=loud"}, plan: plan(hosted)},
		"Empty":      {reason: "no Go files", files: map[string]string{"README.md": "x"}, fails: true, said: "there are no Go files in it"},
		"NoModule":   {reason: "no go.mod", files: map[string]string{"main.go": hello}, fails: true, said: "there is no go.mod"},
		"NoHandler":  {reason: "another kind of Go code", files: map[string]string{"go.mod": goMod, "a.go": "package a\n"}, fails: true, said: "holds no handler"},
		"NearMiss":   {reason: "almost a handler", files: map[string]string{"go.mod": goMod, "f.go": strings.Replace(handle, "*http", "http", 1)}, fails: true, said: "nearest: func Handle(http.ResponseWriter, *http.Request)"},
		"BadMod":     {reason: "a go.mod that does not parse", files: map[string]string{"go.mod": "module\n", "main.go": hello}, fails: true, said: "go.mod:1"},
		"Python":     {reason: "a function of func in another language", files: map[string]string{"func.yaml": "runtime: python\n"}, fails: true, said: "its runtime is python, not go"},
		"BadMesh":    {reason: "a mesh file that does not parse", files: map[string]string{"mesh.yaml": "a: b: c\n"}, fails: true, said: "mesh.yaml: yaml:"},
		"Several":    {reason: "a mesh with several functions and no setting", files: map[string]string{"mesh.yaml": mesh}, said: "mesh.yaml has several functions, and an image holds one: name it in BP_FUNCTION: sayHello, greet"},
		"Unknown":    {reason: "a function that the mesh has not", files: map[string]string{"mesh.yaml": mesh}, env: map[string]string{"BP_FUNCTION": "Nobody"}, said: "mesh.yaml has no function Nobody (BP_FUNCTION) with a source; it has: sayHello, greet"},
		"Named":      {reason: "what a setting names must be there", files: map[string]string{"go.mod": goMod}, env: map[string]string{"BP_FUNCTION": "greet"}, said: "there are no Go files in it"},
		"BadSetting": {reason: "settings are judged before the source", files: nil, env: map[string]string{"BP_FUNCTION_NAME": "x", "BP_KEEP_FILES": "["}, said: "there is no setting BP_FUNCTION_NAME: there are BP_FUNCTION, BP_GO_TARGETS, BP_GO_BUILD_FLAGS, BP_KEEP_FILES"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, tc.files, tc.env).detect()
			plan, err := os.ReadFile(r.plan())
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				t.Fatal(err)
			}
			text := r.said.String()
			switch {
			case tc.plan != "":
				if !r.passed || r.err != nil || string(plan) != tc.plan {
					t.Errorf("%s: passed %v, error %v, plan\n%swant\n%s%s", tc.reason, r.passed, r.err, plan, tc.plan, text)
				}
			case tc.fails:
				if !r.failed || r.err != nil {
					t.Errorf("%s: failed %v, error %v", tc.reason, r.failed, r.err)
				}
			case r.err == nil:
				t.Errorf("%s: there is no error", tc.reason)
			default:
				text = r.err.Error()
			}
			contains(t, text, tc.said)
			if strings.Contains(text, r.app) {
				t.Errorf("%s: the directory of the build is shown: %s", tc.reason, text)
			}
		})
	}
}

// TestBuild has a program in a layer, with what starts it, and nothing else in
// the image.
func TestBuild(t *testing.T) {
	files := map[string]string{"go.mod": goMod, "main.go": hello, "site/index.html": "kept", "site/deep/a.txt": "kept", "notes.txt": "no", "other/b.txt": "no"}
	r := newRun(t, files, map[string]string{"BP_FUNCTION": "sayHello", "BP_KEEP_FILES": "site", "BP_GO_BUILD_FLAGS": `-ldflags="-s -w -X main.word=good-day"`}).build()
	if r.err != nil {
		t.Fatal(r.err)
	}
	program := filepath.Join(r.layers, "program/bin/say-hello")
	if out, err := exec.Command(program).Output(); err != nil || string(out) != "good-day" {
		t.Errorf("it says %q: %v", out, err)
	}
	for path, want := range map[string]string{
		"program.toml":                               "[types]\n  build = false\n  cache = false\n  launch = true\n",
		"builds.toml":                                "[types]\n  build = false\n  cache = true\n  launch = false\n",
		"program/env.launch/PORT.default":            "8080",
		"program/env.launch/FUNCTION_TARGET.default": "sayHello",
		"program.sbom.spdx.json":                     `"name": "example.com/user"`,
		"launch.toml":                                "[[processes]]\n  type = \"web\"\n  command = \"" + program + "\"\n  direct = true\n  default = true\n",
	} {
		contains(t, r.read(path), want)
	}
	contains(t, r.read("launch.toml"), "key = \"org.opencontainers.image.title\"\n  value = \"say-hello\"", "key = \"weft.dev/handler\"\n  value = \"program\"")
	var left []string
	err := filepath.WalkDir(r.app, func(path string, d os.DirEntry, err error) error {
		if rel, rerr := filepath.Rel(r.app, path); rerr == nil && err == nil && !d.IsDir() {
			left = append(left, rel)
		}
		return err
	})
	if got := strings.Join(left, " "); err != nil || got != "site/deep/a.txt site/index.html" {
		t.Errorf("of the source, %s is left (%v)", got, err)
	}
	if info, err := os.Stat(filepath.Join(r.app, "other")); err == nil {
		t.Errorf("%s is left, and empty", info.Name())
	}

	// Again, with the layers that the lifecycle would restore.
	first := r.read("program.toml")
	if err := os.RemoveAll(filepath.Join(r.layers, "program")); err != nil {
		t.Fatal(err)
	}
	r.said.Reset()
	r.source(files)
	if r.build(); r.err != nil {
		t.Fatal(r.err)
	}
	contains(t, r.said.String(), "Nothing has changed since the last build")
	if again := r.read("program.toml"); again != first {
		t.Errorf("the same source makes\n%s\nand\n%s", first, again)
	}
}

// TestBuildErrors has the words of the compiler, and the source left alone.
func TestBuildErrors(t *testing.T) {
	cases := map[string]struct {
		reason     string
		files, env map[string]string
		want       []string
	}{
		"Compile":   {"the compiler's lines", map[string]string{"go.mod": goMod, "f.go": strings.Replace(handle, `"hello"`, "nothing", 1)}, nil, []string{"function function (.) does not build:\n\tf.go:8:69: undefined: nothing"}},
		"NoHandler": {"what detection would have said", map[string]string{"go.mod": goMod, "f.go": "package f\n"}, nil, []string{"package f holds no handler"}},
		"Setting":   {"a wrong setting", map[string]string{"go.mod": goMod, "main.go": hello}, map[string]string{"BP_GO_TARGETS": "../x"}, []string{`BP_GO_TARGETS is "../x": it must be a directory below the source`}},
		"Flag":      {"a flag that the go command does not know", map[string]string{"go.mod": goMod, "main.go": hello}, map[string]string{"BP_GO_BUILD_FLAGS": "-nonsense"}, []string{"-nonsense"}},
		"NoGo":      {"no Go in the build image", map[string]string{"go.mod": goMod, "main.go": hello}, map[string]string{"PATH": ""}, []string{"there is no go command in PATH"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRun(t, tc.files, tc.env).build()
			if r.err == nil {
				t.Fatalf("%s: it builds", tc.reason)
			}
			contains(t, r.err.Error(), tc.want...)
			if _, err := os.Stat(filepath.Join(r.app, "go.mod")); err != nil {
				t.Errorf("%s: the source is gone", tc.reason)
			}
			if _, err := os.Stat(filepath.Join(r.layers, "launch.toml")); err == nil {
				t.Errorf("%s: there is something to launch", tc.reason)
			}
		})
	}
}

// TestCaches has the go command keep things in layers, if the build's
// environment does not say where else.
func TestCaches(t *testing.T) {
	r := newRun(t, map[string]string{"go.mod": "module m\n\ngo 1.21\n\nrequire example.com/x v1.0.0\n", "main.go": strings.Replace(hello, `import "os"`, "import (\n\t_ \"example.com/x\"\n\t\"os\"\n)", 1)},
		map[string]string{"GOCACHE": "", "GOMODCACHE": "", "GOPROXY": "off", "GOFLAGS": "-mod=mod"}).build()
	if r.err == nil {
		t.Fatal("there is a module in a cache that is new")
	}
	for _, layer := range []string{"go-cache", "go-modules"} {
		if entries, err := os.ReadDir(filepath.Join(r.layers, layer)); err != nil || layer == "go-modules" && len(entries) == 0 {
			t.Errorf("the go command has kept nothing in %s: %v", layer, err)
		}
	}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("no %q in\n%s", p, text)
		}
	}
}
