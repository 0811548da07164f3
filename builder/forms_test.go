package builder

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// eventForms are what func calls with events, and how each body answers.
var eventForms = []struct{ signature, body string }{
	{"()", ``},
	{"() error", `return nil`},
	{"(context.Context)", ``},
	{"(context.Context) error", `return nil`},
	{"(e event.Event)", `note(e.Type())`},
	{"(e event.Event) error", `return fail(e)`},
	{"(ctx context.Context, e event.Event)", `note(e.Type())`},
	{"(ctx context.Context, e event.Event) error", `return fail(e)`},
	{"(e event.Event) *event.Event", `return answer(e)`},
	{"(e event.Event) (*event.Event, error)", `return answer(e), fail(e)`},
	{"(ctx context.Context, e event.Event) *event.Event", `return answer(e)`},
	{"(ctx context.Context, e event.Event) (*event.Event, error)", `return answer(e), fail(e)`},
}

const formHelp = `
var (
	_ context.Context
	_ = fmt.Sprint
	_ = fail
	_ = answer
)

func note(s string) { fmt.Fprintln(os.Stderr, "called with", s) }

func fail(e event.Event) error {
	note(e.Type())
	if e.Subject() == "bad" {
		return fmt.Errorf("bad subject")
	}
	return nil
}

func answer(e event.Event) *event.Event {
	note(e.Type())
	out := event.New()
	out.SetID("2")
	out.SetSource("/hello")
	out.SetType("saw." + e.Type())
	_ = out.SetData("application/json", map[string]string{"subject": e.Subject()})
	return &out
}
`

// instance is a package whose New returns what it declares as F.
func instance(declaration, handle string) string {
	return "package function\n\nimport (\n\t\"context\"\n\t\"errors\"\n\t\"fmt\"\n\t\"net/http\"\n\t\"os\"\n\n\t\"github.com/cloudevents/sdk-go/v2/event\"\n)\n\n" +
		"var _, _, _, _, _ = errors.New, context.Background, fmt.Sprint, http.StatusText, event.New\nvar _ = os.Stderr\n\n" + declaration + "\n\n" + handle + "\n"
}

const (
	handleHTTP  = `func (F) Handle(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "called") }`
	handleEvent = `func (F) Handle(ctx context.Context, e event.Event) (*event.Event, error) { e.SetType("saw." + e.Type()); return &e, nil }`
)

// TestForms builds every form of func's handlers, those of one module in one
// go invocation, and runs and calls each.
func TestForms(t *testing.T) {
	files := map[string]string{}
	calls := map[string][]exchange{}
	logs := map[string]string{}
	event := exchange{method: "POST", path: "/", event: true, body: `{"n":1}`, status: 200}
	for i, form := range eventForms {
		name := fmt.Sprintf("event-%02d", i+1)
		files[name] = "package function\n\nimport (\n\t\"context\"\n\t\"fmt\"\n\t\"os\"\n\n\t\"github.com/cloudevents/sdk-go/v2/event\"\n)\n\nfunc Handle" + form.signature + " {\n\tnote(\"Handle\")\n\t" + form.body + "\n}\n" + formHelp
		good, bad := event, event
		logs[name] = "called with Handle"
		if strings.Contains(form.body, "(e") {
			logs[name] = "called with order"
		}
		if strings.Contains(form.body, "answer") {
			good.want = []string{"Ce-Type: saw.order", `{"subject":"good"}`}
		}
		good.header, bad.header = map[string]string{"Ce-Subject": "good"}, map[string]string{"Ce-Subject": "bad"}
		calls[name] = []exchange{good}
		if strings.Contains(form.body, "fail") {
			bad.status = 500
			calls[name] = append(calls[name], bad)
		}
	}
	get := exchange{method: "GET", path: "/", status: 200, want: []string{"called"}}
	health := func(kind string, status int, want ...string) exchange {
		return exchange{method: "GET", path: "/health/" + kind, status: status, want: want}
	}
	saw := event
	saw.want = []string{"Ce-Type: saw.order"}
	for name, f := range map[string]struct {
		source string
		calls  []exchange
		log    string
	}{
		"http":      {"package function\n\nimport (\n\t\"fmt\"\n\t\"net/http\"\n)\n\nfunc Handle(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, \"called\") }\n", []exchange{get}, ""},
		"value":     {instance("type F struct{}\n\nfunc New() F { return F{} }", handleHTTP), []exchange{get}, ""},
		"pointer":   {instance("type F struct{}\n\nfunc New() *F { return &F{} }", strings.Replace(handleHTTP, "(F)", "(f *F)", 1)), []exchange{get}, ""},
		"interface": {instance("type F struct{}\n\ntype handler interface {\n\tHandle(http.ResponseWriter, *http.Request)\n}\n\nfunc New() handler { return F{} }", handleHTTP), []exchange{get}, ""},
		"embedded":  {instance("type G struct{ F }\n\ntype F struct{}\n\nfunc New() *G { return &G{} }", handleEvent), []exchange{saw}, ""},
		"ready": {instance("type F struct{}\n\nfunc New() F { return F{} }\n\nfunc (F) Ready(context.Context) (bool, error) { return false, errors.New(\"still warming\") }", handleEvent),
			[]exchange{health("readiness", 503, "still warming"), health("liveness", 200)}, ""},
		"unready": {instance("type F struct{}\n\nfunc New() F { return F{} }\n\nfunc (F) Ready(context.Context) (bool, error) { return false, nil }", handleHTTP),
			[]exchange{health("readiness", 503)}, ""},
		"alive": {instance("type F struct{}\n\nfunc New() F { return F{} }\n\nfunc (F) Alive(context.Context) (bool, error) { return false, nil }", handleEvent),
			[]exchange{health("readiness", 200), health("liveness", 503), saw}, ""},
		"hooks": {instance("type F struct{}\n\nfunc New() F { return F{} }\n\nfunc (F) Start(ctx context.Context, cfg map[string]string) error {\n\tfmt.Fprintln(os.Stderr, \"started with\", cfg[\"GREETING\"])\n\treturn nil\n}\n\nfunc (F) Stop(context.Context) error { fmt.Fprintln(os.Stderr, \"stopped\"); return nil }\nfunc (F) Ready(context.Context) (bool, error) { return true, nil }\nfunc (F) Alive(context.Context) (bool, error) { return true, nil }", handleEvent),
			[]exchange{health("readiness", 200), health("liveness", 200), saw}, "started with good day|stopped"},
	} {
		files[name], calls[name], logs[name] = f.source, f.calls, f.log
	}

	names := slices.Sorted(maps.Keys(files))
	archive := ""
	for _, name := range names {
		archive += "-- functions/" + name + "/f.go --\n" + files[name]
	}
	root := handlerProject(t, archive, ce)
	var reqs []Request
	for _, req := range requests(root, names...) {
		req.Env = environment()
		reqs = append(reqs, req)
	}
	results := (&Go{Root: root}).Build(context.Background(), reqs...)
	if made, err := filepath.Glob(filepath.Join(root, ".weft", "bin", scaffoldDir, ".mod-*")); err != nil || len(made) != 1 {
		t.Errorf("%d go.mod files for handlers that need the same (%v)", len(made), err)
	}
	for i, r := range results {
		t.Run(r.Function, func(t *testing.T) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			s := serve(t, r.Binary, "GREETING=good day")
			for _, call := range calls[names[i]] {
				s.do(call)
			}
			s.stop()
			for want := range strings.SplitSeq(logs[names[i]], "|") {
				if !strings.Contains(s.log.String(), want) {
					t.Errorf("no %q in\n%s", want, s.log)
				}
			}
		})
	}

	// A program does not depend on which others were built with it.
	alone := reqs[0]
	alone.Output = t.TempDir()
	if r := (&Go{Root: root}).Build(context.Background(), alone)[0]; r.Err != nil || filepath.Base(filepath.Dir(r.Binary)) != filepath.Base(filepath.Dir(results[0].Binary)) {
		t.Errorf("alone it is another program: %s and %s (%v)", r.Binary, results[0].Binary, r.Err)
	}
	// One that fails keeps its error to itself.
	write(t, filepath.Join(root, "functions", names[1], "more.go"), "package function\n\nvar _ = missing\n")
	write(t, filepath.Join(root, "functions", names[2], "more.go"), "package function\n\nimport _ \"example.org/nowhere\"\n")
	write(t, filepath.Join(root, "functions", names[3], "more.go"), "package function\n\nvar _ = 1\n")
	again := (&Go{Root: root}).Build(context.Background(), reqs...)
	for i, r := range again {
		switch i {
		case 1, 2:
			want := []string{"", "functions/" + names[1] + "/more.go:3:9: undefined: missing", "functions/" + names[2] + "/more.go:3:8: no required module provides package example.org/nowhere"}[i]
			if r.Err == nil || !strings.Contains(r.Err.Error(), want) || strings.Count(r.Err.Error(), "more.go") != 1 {
				t.Errorf("%s: got %v", r.Function, r.Err)
			}
		default:
			if r.Err != nil || r.Cached != (i != 3) {
				t.Errorf("%s: cached %v, %v", r.Function, r.Cached, r.Err)
			}
		}
	}
}

// TestLaidBesideStaysAlone has a file that is laid into one handler's package
// leave the program of another that imports it as it is.
func TestLaidBesideStaysAlone(t *testing.T) {
	typed := func(name, imports, more string) string {
		return "-- functions/" + name + "/f.go --\npackage " + name + "\n\nimport (\n" + imports + "\t\"github.com/GoogleCloudPlatform/functions-framework-go/functions\"\n)\n\n" + more + "\n"
	}
	root := handlerProject(t, typed("imported", "", "func init() { functions.Typed(\"imported\", unexported) }\n\nfunc unexported(in string) (string, error) { return in + Text, nil }\n\nvar Text = \" text\"")+
		typed("importing", "\t\"example.com/user/functions/imported\"\n", "func init() { functions.Typed(\"importing\", Exported) }\n\nfunc Exported(in string) (string, error) { return in + imported.Text, nil }"), gcf, old)
	var ids []string
	for _, names := range [][]string{{"importing"}, {"importing", "imported"}} {
		var reqs []Request
		output := t.TempDir()
		for _, req := range requests(root, names...) {
			req.Env, req.Output = environment(), output
			reqs = append(reqs, req)
		}
		for _, r := range (&Go{Root: root}).Build(context.Background(), reqs...) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
			if r.Function == "importing" {
				ids = append(ids, filepath.Base(filepath.Dir(r.Binary)))
			}
		}
	}
	if ids[0] != ids[1] {
		t.Errorf("two binaries: %v", ids)
	}
}
