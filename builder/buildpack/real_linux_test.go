package buildpack_test

import (
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// kinds is a source of each kind of handler, with what it answers. Those that
// need modules get their versions from Weft's go.mod.
var kinds = map[string]struct {
	reason   string
	source   string
	packages []string
	method   string
	header   map[string]string
	body     string
	want     string
}{
	"func": {
		reason: "Knative func's form for HTTP",
		source: "package function\n\nimport (\n\t\"fmt\"\n\t\"net/http\"\n)\n\nfunc Handle(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, \"from func\") }\n",
		method: "GET", want: "from func",
	},
	"func-event": {
		reason:   "Knative func's form for CloudEvents",
		source:   "package function\n\nimport \"github.com/cloudevents/sdk-go/v2/event\"\n\nfunc Handle(e event.Event) (*event.Event, error) {\n\tanswer := e.Clone()\n\tanswer.SetType(\"answer\")\n\treturn &answer, nil\n}\n",
		packages: []string{"github.com/cloudevents/sdk-go/v2/event"},
		method:   "POST", header: event, body: `{"of":"an event"}`, want: `{"of":"an event"}`,
	},
	"framework": {
		reason:   "functions-framework-go",
		source:   "package function\n\nimport (\n\t\"fmt\"\n\t\"net/http\"\n\n\t\"github.com/GoogleCloudPlatform/functions-framework-go/functions\"\n)\n\nfunc init() {\n\tfunctions.HTTP(\"Hello\", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, \"from the framework\") })\n}\n",
		packages: []string{"github.com/GoogleCloudPlatform/functions-framework-go/functions", "github.com/GoogleCloudPlatform/functions-framework-go/funcframework"},
		method:   "GET", want: "from the framework",
	},
	"openfunction": {
		reason:   "OpenFunction's form",
		source:   "package function\n\nimport ofctx \"github.com/OpenFunction/functions-framework-go/context\"\n\nfunc Hello(ctx ofctx.Context, in []byte) (ofctx.Out, error) {\n\treturn ctx.ReturnOnSuccess().WithData([]byte(\"got \" + string(in))), nil\n}\n",
		packages: []string{"github.com/OpenFunction/functions-framework-go/context"},
		method:   "POST", body: "a body", want: "got a body",
	},
	"weft": {
		reason:   "runtime/fn",
		source:   "package function\n\nimport (\n\t\"fmt\"\n\t\"net/http\"\n\n\t\"github.com/weftmesh/weft/runtime/fn\"\n)\n\nfunc init() {\n\tfn.HTTP(\"hello\", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, \"from fn\") }))\n}\n",
		packages: []string{"github.com/weftmesh/weft/runtime/fn"},
		method:   "GET", want: "from fn",
	},
	"program": {
		reason:   "a program",
		source:   "package main\n\nimport (\n\t\"fmt\"\n\t\"net/http\"\n\n\t\"github.com/weftmesh/weft/runtime/fn\"\n)\n\nfunc main() {\n\tfn.HTTP(\"hello\", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, \"from a program\") }))\n\tfn.Main()\n}\n",
		packages: []string{"github.com/weftmesh/weft/runtime/fn"},
		method:   "GET", want: "from a program",
	},
}

var event = map[string]string{"Ce-Id": "1", "Ce-Source": "/shop", "Ce-Type": "order", "Ce-Specversion": "1.0", "Content-Type": "application/json"}

// TestRealLifecycle has the lifecycle build an image of each kind of handler
// with the packaged buildpack; each image is pulled, unpacked, run and asked.
func TestRealLifecycle(t *testing.T) {
	l := newLifecycle(t)
	kind := func(name string) { t.Run(name, func(t *testing.T) { l.kind(t, name) }) }
	// The first fills the cache of the go command. What the builder knows of
	// it is overwritten by the next, which has the same name.
	kind("func")
	t.Run("again", l.again)
	t.Run("changed", l.changed)
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		if name != "func" {
			kind(name)
		}
	}
	t.Run("settings", l.settings)
	t.Run("errors", l.errors)
}

// kind builds an image of a kind of handler, and asks it.
func (l *lifecycle) kind(t *testing.T, name string) {
	l.t = t
	kind := kinds[name]
	said, err := l.create(name, module(t, kind.source, kind.packages...), nil)
	if err != nil {
		t.Fatalf("%s: %v\n%s", kind.reason, err, said)
	}
	p := l.pull(name)
	if entries, err := os.ReadDir(filepath.Join(p.root, l.root, "app")); err != nil || len(entries) > 0 {
		t.Errorf("the source is in the image: %v %v", entries, err)
	}
	p.serve(func(url string) {
		if got := ask(t, kind.method, url, kind.header, kind.body); got != kind.want {
			t.Errorf("%s: it answers %q, want %q", kind.reason, got, kind.want)
		}
	})
}

// again builds an image whose source has not changed.
func (l *lifecycle) again(t *testing.T) {
	l.t = t
	before := l.pull("func").digest
	l.fetched.Store(0)
	said, err := l.create("func", module(t, kinds["func"].source), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	contains(t, said, "Nothing has changed since the last build", "Reusing layer 'weftmesh/weft:program'", "Restoring data for \"weftmesh/weft:builds\"")
	if n := l.fetched.Load(); n > 0 {
		t.Errorf("the second build fetched %d files of modules", n)
	}
	if after := l.pull("func").digest; after != before {
		t.Errorf("the same source makes %s and %s", before, after)
	}
}

// changed builds an image whose source has changed in one line.
func (l *lifecycle) changed(t *testing.T) {
	l.t = t
	before := l.pull("func").digest
	l.fetched.Store(0)
	said, err := l.create("func", module(t, strings.Replace(kinds["func"].source, "from func", "changed", 1)), nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	contains(t, said, "Compiled in", "Adding layer 'weftmesh/weft:program'")
	if n := l.fetched.Load(); n > 0 {
		t.Errorf("the build after a change fetched %d files of modules", n)
	}
	p := l.pull("func")
	if p.digest == before {
		t.Error("the image is the one of before the change")
	}
	p.serve(func(url string) {
		if got := ask(t, "GET", url, nil, ""); got != "changed" {
			t.Errorf("it answers %q", got)
		}
	})
}

// settings builds one of the functions of a mesh, with files kept.
func (l *lifecycle) settings(t *testing.T) {
	l.t = t
	source := map[string]string{
		"go.mod":    "module example.com/shop\n\ngo 1.21\n",
		"mesh.yaml": "apiVersion: functions.openfunction.io/v1beta1\nkind: FunctionMesh\nmetadata: {name: shop}\nspec:\n  functions: [{name: other}, {name: tellEnv, source: ./tell}]\n",
		"tell/main.go": "package main\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\nvar version = \"none\"\n\nfunc main() {\n" +
			"\ttext, err := os.ReadFile(\"texts/hello.txt\")\n\tfmt.Println(os.Getenv(\"PORT\"), os.Getenv(\"FUNCTION_TARGET\"), version, string(text), err, os.Getuid() > 0, os.Args[1:])\n}\n",
		"texts/hello.txt": "kept",
		"texts/other.md":  "not kept",
	}
	said, err := l.create("settings", source, map[string]string{
		"BP_FUNCTION": "tellEnv", "BP_KEEP_FILES": "texts/*.txt", "BP_GO_BUILD_FLAGS": `-ldflags="-s -w -X main.version=v1"`,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	p := l.pull("settings")
	out, err := p.command("an", "argument").CombinedOutput()
	if want := "8080 tellEnv v1 kept <nil> " + map[bool]string{true: "true", false: "false"}[os.Getuid() == 0] + " [an argument]\n"; err != nil || string(out) != want {
		t.Errorf("it says %q (%v), want %q", out, err, want)
	}
	if entries, err := os.ReadDir(filepath.Join(p.root, l.root, "app", "texts")); err != nil || len(entries) != 1 {
		t.Errorf("of the source, the image has %v %v", entries, err)
	}
	if got := p.config.Labels["org.opencontainers.image.title"] + " " + p.config.Labels["weft.dev/handler"]; got != "tell-env program" {
		t.Errorf("its labels say %q", got)
	}
	bills, err := filepath.Glob(filepath.Join(p.root, l.root, "layers/sbom/launch/weftmesh_weft/program/sbom.spdx.json"))
	if err != nil || len(bills) != 1 {
		t.Errorf("the image has no list of modules: %v %v", bills, err)
	}
}

// errors has faults come out of the lifecycle in their own words.
func (l *lifecycle) errors(t *testing.T) {
	l.t = t
	good := module(t, kinds["func"].source)
	wrong := module(t, strings.Replace(kinds["func"].source, "\"from func\"", "undefined", 1))
	cases := map[string]struct {
		reason      string
		source, env map[string]string
		want        []string
	}{
		"NoHandler": {"the next buildpack may take it", module(t, "package function\n"), nil, []string{"holds no handler", "fail: weftmesh/weft@0.0.0"}},
		"Setting":   {"a setting that there is not", good, map[string]string{"BP_FUNCTION_NAME": "x"}, []string{"there is no setting BP_FUNCTION_NAME", "err:  weftmesh/weft@0.0.0 (1)"}},
		"Compile":   {"the compiler's own line", wrong, nil, []string{"function.go:8:69: undefined: undefined", "failed to build"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			said, err := l.create("errors", tc.source, tc.env)
			if err == nil {
				t.Fatalf("%s: it builds\n%s", tc.reason, said)
			}
			contains(t, said, tc.want...)
		})
	}
}

func ask(t *testing.T, method, url string, header map[string]string, body string) string {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}
