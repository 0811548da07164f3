package builder

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// Import paths of frameworks.
const (
	gcf = "github.com/GoogleCloudPlatform/functions-framework-go/functions"
	old = "github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	of  = "github.com/OpenFunction/functions-framework-go/functions"
	ctx = "github.com/OpenFunction/functions-framework-go/context"
	ce  = "github.com/cloudevents/sdk-go/v2"
	wfn = "github.com/weftmesh/weft/runtime/fn"
)

// versions are those of the modules that Weft's go.mod asks for.
func versions(t testing.TB, packages ...string) map[string]string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-deps", "-json=Standard,Module"}, packages...)...)
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list %v: %v", packages, err)
	}
	all := map[string]string{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Standard bool
			Module   *struct{ Path, Version string }
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		if !p.Standard && p.Module != nil && p.Module.Version != "" {
			all[p.Module.Path] = p.Module.Version
		}
	}
}

// handlerProject is a module example.com/user with the function in
// functions/hello, that requires what provides the packages.
func handlerProject(t testing.TB, source string, packages ...string) (root string) {
	t.Helper()
	root = unpack(t, source)
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
		return root
	}
	mod := "module example.com/user\n\ngo 1.21\n"
	if len(packages) > 0 {
		mod = "module example.com/user\n\ngo 1.26.4\n"
		for path, version := range versions(t, packages...) {
			mod += "require " + path + " " + version + "\n"
		}
		if slices.Contains(packages, wfn) {
			mod += "require github.com/weftmesh/weft v0.0.0\nreplace github.com/weftmesh/weft => " + filepath.Dir(resolved(".")) + "\n"
		}
		sums, err := os.ReadFile("../go.sum")
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, "go.sum"), string(sums))
	}
	write(t, filepath.Join(root, "go.mod"), mod)
	return root
}

// environment is that of a build: modules come from the cache, or, on a machine
// that has none of them yet, from the proxy, as they do for go test itself.
func environment() []string { return append(os.Environ(), "GOFLAGS=-mod=readonly") }

// buildHandler builds the function of a project.
func buildHandler(t testing.TB, root string) Result {
	t.Helper()
	req := requests(root, "hello")[0]
	req.Env = environment()
	return (&Go{Root: root}).Build(context.Background(), req)[0]
}

// served is a program that serves.
type served struct {
	t   testing.TB
	cmd *exec.Cmd
	url string
	log *bytes.Buffer
	end chan struct{}
}

func serve(t testing.TB, binary string, env ...string) *served {
	t.Helper()
	s := &served{t: t, cmd: exec.Command(binary), log: &bytes.Buffer{}, end: make(chan struct{})}
	s.cmd.Env = append([]string{"PORT=0", "FUNCTION_TARGET=hello", "LOG_LEVEL=debug", "K_SINK=http://127.0.0.1:1/sink/token"}, env...)
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // it may have ended
		<-s.end
	})
	address := make(chan string, 1)
	go func() {
		defer close(s.end)
		defer close(address)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			var line struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &line) == nil && line.Msg == "serving" {
				address <- line.Address
			}
			s.log.WriteString(lines.Text() + "\n")
		}
	}()
	if s.url = <-address; s.url == "" {
		t.Fatalf("the program ended before it served:\n%s", s.log)
	}
	return s
}

// stop ends the program as an engine does.
func (s *served) stop() {
	s.t.Helper()
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	<-s.end
	if err := s.cmd.Wait(); err != nil {
		s.t.Errorf("ended with %v:\n%s", err, s.log)
	}
}

// exchange is a request and what is expected of its answer.
type exchange struct {
	method, path, body string
	// event has the request be a delivery.
	event  bool
	header map[string]string
	status int
	// want is in the body of the answer, headers and body.
	want []string
}

func (s *served) do(e exchange) {
	s.t.Helper()
	req, err := http.NewRequest(e.method, s.url+e.path, strings.NewReader(e.body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if e.event {
		for name, value := range map[string]string{"Ce-Id": "1", "Ce-Source": "/shop", "Ce-Type": "order", "Ce-Specversion": "1.0", "Weft-Token": "token", "Ce-Weftfrom": "ingest"} {
			req.Header.Set(name, value)
		}
	}
	for name, value := range e.header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	var all strings.Builder
	_ = resp.Header.Write(&all) // a Builder takes all
	all.WriteString("\n" + string(body))
	if resp.StatusCode != e.status {
		s.t.Errorf("%s %s: status %d, want %d\n%s", e.method, e.path, resp.StatusCode, e.status, &all)
	}
	for _, want := range e.want {
		if !strings.Contains(all.String(), want) {
			s.t.Errorf("%s %s: no %q in\n%s", e.method, e.path, want, &all)
		}
	}
}

// TestHandlers builds a handler of each kind offline, runs it and calls it.
func TestHandlers(t *testing.T) {
	crash := exchange{method: "POST", path: "/", body: `{"name":"panic"}`, status: 500}
	cases := map[string]struct {
		reason   string
		source   string
		packages []string
		calls    []exchange
	}{
		"func http": {reason: "func's static HTTP handler", source: `
-- functions/hello/handle.go --
package function

import ("fmt"; "net/http")

func Handle(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, "hello %s?%s", r.URL.Path, r.URL.RawQuery) }
`, calls: []exchange{{method: "GET", path: "/a/b?c=d", status: 200, want: []string{"hello /a/b?c=d"}}}},

		"func instance": {reason: "New and all hooks, in an internal package", source: `
-- functions/hello/f.go --
package function

import ("context"; "errors"; "fmt"; "net/http"; "os"; "example.com/user/internal/words")

type F struct{ started chan string }

func New() *F { return &F{make(chan string, 1)} }
func (f *F) Start(ctx context.Context, cfg map[string]string) error { f.started <- cfg["GREETING"]; return nil }
func (f *F) Stop(ctx context.Context) error { fmt.Fprintln(os.Stderr, "stopped"); return nil }
func (f *F) Ready(ctx context.Context) (bool, error) { return true, nil }
func (f *F) Alive(ctx context.Context) (bool, error) { return false, errors.New("stuck") }
func (f *F) Handle(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, <-f.started, words.World) }
-- internal/words/words.go --
package words

const World = " world"
`, calls: []exchange{
			{method: "GET", path: "/", status: 200, want: []string{"good day world"}},
			{method: "GET", path: "/health/liveness", status: 503, want: []string{"stuck"}},
		}},

		"func event": {reason: "an event in, an event out", packages: []string{ce}, source: `
-- functions/hello/f.go --
package function

import ("context"; "errors"; "github.com/cloudevents/sdk-go/v2/event")

func Handle(ctx context.Context, e event.Event) (*event.Event, error) {
	if string(e.Data()) == "\"bad\"" { return nil, errors.New("bad") }
	out := event.New()
	out.SetID("2"); out.SetSource("/hello"); out.SetType("greeting")
	return &out, out.SetData("application/json", map[string]string{"saw": e.Type()})
}
`, calls: []exchange{
			{method: "POST", path: "/", event: true, body: `{}`, status: 200, want: []string{"Ce-Type: greeting", `{"saw":"order"}`}},
			{method: "POST", path: "/", event: true, body: `"bad"`, status: 500},
			{method: "POST", path: "/", event: true, body: `{}`, header: map[string]string{"Weft-Token": "wrong"}, status: 403},
		}},

		"func event instance": {reason: "an instance that takes events", packages: []string{ce}, source: `
-- functions/hello/f.go --
package function

import "github.com/cloudevents/sdk-go/v2/event"

type F struct{}

func New() F { return F{} }
func (F) Handle(e event.Event) error { return nil }
`, calls: []exchange{{method: "POST", path: "/", event: true, body: `{}`, status: 200}}},

		"framework http": {reason: "functions-framework-go calls it, at every path, as its registration names it", packages: []string{gcf, old}, source: `
-- functions/hello/f.go --
package greet

import ("fmt"; "io"; "net"; "net/http"; "github.com/GoogleCloudPlatform/functions-framework-go/functions")

func init() { functions.HTTP("HelloWorld", hello) }

func hello(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if len(body) > 2 { panic("no") }
	w.Header().Set("X-For", r.Header.Get("X-Forwarded-For"))
	if here, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok && here.String() == r.Host { w.Header().Set("X-Within", "the host") }
	fmt.Fprintf(w, "%s %s 100%% %s", r.Host, r.URL.Path, r.URL.RawQuery)
}
`, calls: []exchange{
			{method: "GET", path: "/a?x=%2;y", header: map[string]string{"X-Forwarded-For": "1.2.3.4"}, status: 200, want: []string{"127.0.0.1:", "/a 100% x=%2;y", "X-For: 1.2.3.4", "X-Within: the host"}},
			func() exchange { c := crash; c.want = []string{"X-Google-Status: crash", "A panic occurred"}; return c }(),
		}},

		"framework event": {reason: "functions-framework-go decodes the event", packages: []string{gcf, old, ce}, source: `
-- functions/hello/f.go --
package greet

import ("context"; "errors"; cloudevents "github.com/cloudevents/sdk-go/v2"; "github.com/GoogleCloudPlatform/functions-framework-go/functions")

var _ = register()

func register() bool { functions.CloudEvent("hello", hello); return true }

func hello(ctx context.Context, e cloudevents.Event) error {
	if e.Type() != "order" || string(e.Data()) == "[]" { return errors.New("other") }
	return nil
}
`, calls: []exchange{
			{method: "POST", path: "/", event: true, body: `{}`, status: 200},
			{method: "POST", path: "/", event: true, body: `[]`, status: 500},
		}},

		"framework typed": {reason: "each call has a value of its own, and an answer may hold percent signs", packages: []string{gcf, old}, source: `
-- functions/hello/f.go --
package greet

import ("errors"; "github.com/GoogleCloudPlatform/functions-framework-go/functions")

type In struct{ Name, Other string }
type Out struct{ Greeting string }

func init() { functions.Typed("hello", hello) }

func hello(in In) (Out, error) {
	switch in.Name { case "panic": panic(in); case "": return Out{}, errors.New("who?") }
	return Out{in.Name + in.Other + " 100%d"}, nil
}
`, calls: []exchange{
			{method: "POST", path: "/", body: `{"name":"a","other":"b"}`, status: 200, want: []string{`{"Greeting":"ab 100%d"}`}},
			{method: "POST", path: "/", body: `{"name":"c"}`, status: 200, want: []string{`{"Greeting":"c 100%d"}`}},
			{method: "POST", path: "/", body: `{}`, status: 500, want: []string{"X-Google-Status: error", "Function error: who?"}},
			{method: "POST", path: "/", body: `{`, status: 400, want: []string{"X-Google-Status: crash", "Error while converting input data."}},
			func() exchange { c := crash; c.want = []string{"X-Google-Status: crash", "A panic occurred"}; return c }(),
		}},

		"framework literals": {reason: "a literal is only the framework's to call", packages: []string{gcf, old}, source: `
-- functions/hello/f.go --
package greet

import "github.com/GoogleCloudPlatform/functions-framework-go/functions"

func init() { functions.Typed("hello", func(in map[string]int) (int, error) { return in["a"] + 1, nil }) }
`, calls: []exchange{{method: "POST", path: "/", body: `{"a":1}`, status: 200, want: []string{"2"}}}},

		"framework odd name": {reason: "a name that is no path: the framework listens beside the host", packages: []string{gcf, old}, source: `
-- functions/hello/f.go --
package greet

import ("fmt"; "net/http"; "github.com/GoogleCloudPlatform/functions-framework-go/functions")

func init() { functions.HTTP("say {hello", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "odd") }) }
`, calls: []exchange{{method: "GET", path: "/", status: 200, want: []string{"odd"}}}},

		"framework by path": {reason: "the older way to register", packages: []string{gcf, old}, source: `
-- functions/hello/f.go --
package greet

import ("context"; "fmt"; "net/http"; "github.com/GoogleCloudPlatform/functions-framework-go/funcframework")

func init() {
	if err := funcframework.RegisterHTTPFunctionContext(context.Background(), "/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "by path") }); err != nil { panic(err) }
}
`, calls: []exchange{{method: "GET", path: "/", status: 200, want: []string{"by path"}}}},

		"framework paths": {reason: "of several paths, the function's name chooses the handler", packages: []string{gcf, old}, source: `
-- functions/hello/f.go --
package greet

import ("fmt"; "net"; "net/http"; "github.com/GoogleCloudPlatform/functions-framework-go/funcframework")

func init() {
	funcframework.RegisterHTTPFunction("/greet/", hello)
	funcframework.RegisterHTTPFunction("/other", other)
}

func hello(w http.ResponseWriter, r *http.Request) {
	here, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	fmt.Fprint(w, "hello at ", r.URL.Path, " in the host: ", here.String() == r.Host)
}

func other(w http.ResponseWriter, r *http.Request) {}
`, calls: []exchange{{method: "GET", path: "/x", status: 200, want: []string{"hello at /x in the host: true"}}}},

		"openfunction": {reason: "the data of an event, and Send as an emit", packages: []string{of, ctx, ce, "github.com/dapr/go-sdk/service/common"}, source: `
-- functions/hello/f.go --
package greet

import ("errors"; ofctx "github.com/OpenFunction/functions-framework-go/context")

func Hello(c ofctx.Context, in []byte) (ofctx.Out, error) {
	switch string(in) {
	case "1":
		return c.ReturnOnSuccess().WithData([]byte("{\"from\":\"" + c.GetInputName() + c.GetCloudEvent().Type() + "\"}")), nil
	case "2":
		_, err := c.Send("next", []byte("{\"n\":2}"))
		return c.ReturnOnSuccess(), err
	case "3":
		return nil, errors.New("three")
	case "4":
		return c.ReturnOnSuccess().WithCode(404), nil
	}
	return c.ReturnOnInternalError(), nil
}
`, calls: []exchange{
			{method: "POST", path: "/", event: true, body: "1", status: 200, want: []string{`{"from":"ingestorder"}`, "X-Openfunction-Status: success"}},
			{method: "POST", path: "/", event: true, body: "2", status: 200, want: []string{`"weftto":"next"`, `{"n":2}`}},
			{method: "POST", path: "/", body: "3", status: 500, want: []string{"three"}},
			{method: "POST", path: "/", body: "4", status: 404},
			{method: "POST", path: "/", body: "5", status: 500},
		}},

		"openfunction http": {reason: "a function that only the package knows, registered with OpenFunction's framework", packages: []string{of, ctx, ce}, source: `
-- functions/hello/f.go --
package greet

import ("net/http"; "github.com/OpenFunction/functions-framework-go/functions")

func init() { functions.HTTP("Hello", hello, functions.WithFunctionPath("/x")) }

func hello(w http.ResponseWriter, r *http.Request) { w.WriteHeader(201) }
`, calls: []exchange{{method: "GET", path: "/", status: 201}}},

		"weft package": {reason: "a package that registers one of several, with the Weft that its module requires", packages: []string{wfn}, source: `
-- functions/hello/f.go --
package greet

import ("context"; "github.com/weftmesh/weft/runtime/fn")

func init() {
	fn.Typed("Hello", func(ctx context.Context, name string) (string, error) { return "hello " + name, nil })
	fn.Typed("bye", func(ctx context.Context, name string) (string, error) { return "bye " + name, nil })
}
`, calls: []exchange{{method: "POST", path: "/", body: `"you"`, status: 200, want: []string{`"hello you"`}}}},

		"program": {reason: "a program is built as it is", source: `
-- functions/hello/main.go --
package main

import ("log/slog"; "net"; "net/http"; "os"; "os/signal"; "syscall")

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil { panic(err) }
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	slog.Info("serving", "address", "http://"+l.Addr().String())
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	go func() { <-c; os.Exit(0) }()
	http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(200) }))
}
`, calls: []exchange{{method: "GET", path: "/", status: 200}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := handlerProject(t, tc.source, tc.packages...)
			before := tree(t, root)
			r := buildHandler(t, root)
			if r.Err != nil {
				t.Fatalf("%s: %v", tc.reason, r.Err)
			}
			if after := tree(t, root); !slices.Equal(before, after) {
				t.Errorf("%s: the source has changed: %v, %v", tc.reason, before, after)
			}
			s := serve(t, r.Binary, "GREETING=good day")
			s.do(exchange{method: "GET", path: "/health/readiness", status: 200})
			for _, call := range tc.calls {
				s.do(call)
			}
			s.stop()
			if name == "func instance" && !strings.Contains(s.log.String(), "stopped") {
				t.Errorf("Stop was not called:\n%s", s.log)
			}
			if r := buildHandler(t, root); r.Err != nil || !r.Cached {
				t.Errorf("%s: built anew though nothing changed (%v)", tc.reason, r.Err)
			}
		})
	}
}

// tree lists the files of a project and their sizes, but for what is built.
func tree(t *testing.T, root string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".weft" {
			return filepath.SkipDir
		}
		info, err := d.Info()
		if err == nil && !d.IsDir() {
			all = append(all, fmt.Sprintf("%s %d", path, info.Size()))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
