package local

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weftmesh/weft/internal/adminapi"
)

func TestRefusesToStart(t *testing.T) {
	const route = "triggers: [{type: http, path: /orders}]"
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = busy.Close() })
	cases := map[string]struct {
		reason string
		mesh   string
		change func(*rig, *Options)
		says   []string
	}{
		"auth": {"a route must not be open that says it is not",
			strings.Replace(chain, route, "triggers: [{type: http, path: /orders, auth: {apiKey: {secret: {name: keys}}}}]", 1),
			func(r *rig, _ *Options) {
				r.write("local/keys.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: keys}\nstringData: {me: secret}\n")
			},
			[]string{"mesh.yaml", "spec.functions[0].triggers[0].auth", "does not enforce auth"}},
		"rate limit": {"nor without its limit",
			strings.Replace(chain, route, "triggers: [{type: http, path: /orders, rateLimit: {requests: 1}}]", 1), nil,
			[]string{"triggers[0].rateLimit"}},
		"schema": {"nor without its schema",
			strings.Replace(chain, route, "triggers: [{type: http, path: /orders, schema: {type: object}}]", 1), nil,
			[]string{"triggers[0].schema"}},
		"validation": {"all faults of the mesh are told", strings.Replace(chain, "to: tell", "to: tel", 1), nil,
			[]string{"mesh.yaml:12", "spec.connections[1].to", "tell"}},
		"no file": {"a missing file is told with the way out", chain,
			func(_ *rig, o *Options) { o.File = "nothing.yaml" }, []string{"nothing.yaml", "weft new"}},
		"port in use": {"who could have the port is told", chain,
			func(_ *rig, o *Options) { o.HTTP = busy.Addr().String() }, []string{"--http " + busy.Addr().String(), "in use", "another weft up"}},
		"admin port in use": {"for either address", chain,
			func(_ *rig, o *Options) { o.Admin = busy.Addr().String() }, []string{"--admin " + busy.Addr().String()}},
		"bad address": {"an address is host and port", chain,
			func(_ *rig, o *Options) { o.HTTP = "8080" }, []string{"--http 8080", "host:port"}},
		"version": {"data of another version names both", chain,
			func(r *rig, _ *Options) { r.writeData("version", "7\n") }, []string{`format "7"`, "format 1", "--data"}},
		"file in place": {"a file is no directory", chain,
			func(r *rig, o *Options) {
				r.write("data", "")
				o.Data = filepath.Join(r.dir, "data")
			}, []string{"there is a file in its place", "--data"}},
		"secret": {"a reference to nothing is told before anything starts",
			strings.Replace(chain, "{name: check, command: [$STEP]}",
				"{name: check, command: [$STEP], env: [{name: X, valueFrom: {secretKeyRef: {name: db, key: url}}}]}", 1), nil,
			[]string{`Secret "db"`, "local/"}},
		"no code": {"a function without code names all places", strings.Replace(chain, "{name: check, command: [$STEP]}", "{name: check}", 1), nil,
			[]string{"check", "url", "command", "source", "./functions/check"}},
		"debug": {"--debug names a function", chain, func(_ *rig, o *Options) { o.Debug = []string{"chek"} }, []string{"--debug chek", "check"}},
		"env file": {"a line that is none is told with its number", chain,
			func(r *rig, _ *Options) { r.write("env", "A=1\nnonsense\n") }, []string{"env:2"}},
		"sync": {"a mode that there is not", chain, func(_ *rig, o *Options) { o.Sync = "never" }, []string{"--sync never"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, c.mesh, nil)
			opts := r.options()
			if c.change != nil {
				c.change(r, &opts)
			}
			opts.OnReady = func(adminapi.Run, []string) { t.Error("the mesh took traffic") }
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			err := Run(ctx, opts)
			if err == nil {
				t.Fatalf("%s: it ran\n%s", c.reason, r.out)
			}
			for _, s := range c.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%s: the error does not say %q: %v", c.reason, s, err)
				}
			}
		})
	}
}

func (r *rig) writeData(name, text string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.data, name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func TestTwoEnginesOnOneDirectory(t *testing.T) {
	r := newRig(t, chain, nil)
	r.up()
	err := Run(t.Context(), r.options())
	if err == nil || !strings.Contains(err.Error(), "in use by an engine with process id") || !strings.Contains(err.Error(), filepath.Join(r.data, "lock")) {
		t.Errorf("a second engine says %v", err)
	}
	r.order("o-1") // the first one is none the worse
	r.await("tell", "o-1")
}

func TestWarnsOfWhatIsNotServed(t *testing.T) {
	mesh := strings.Replace(chain, "{name: check, command: [$STEP]}",
		"{name: check, command: [$STEP], triggers: [{type: cron, schedule: '@hourly'}]}", 1)
	r := newRig(t, mesh, nil)
	r.up()
	r.down()
	if s := "triggers of type cron"; !strings.Contains(r.out.String(), s) {
		t.Errorf("nothing says %q:\n%s", s, r.out)
	}
}

// project makes the functions of the rig's mesh ones that are built.
func (r *rig) project(functions map[string]string) {
	r.t.Helper()
	r.write("go.mod", "module shop\n\ngo 1.26\n")
	for name, code := range functions {
		r.write("functions/"+name+"/main.go", code)
	}
}

// plain is a function without the runtime, that answers with a word.
func plain(word string) string {
	return `package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "` + word + ` "+os.Getenv("MARK")) })
	if err := http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil); err != nil {
		os.Exit(1)
	}
}
`
}

const built = `
apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: shop}
spec:
  functions:
    - {name: good, triggers: [{type: http}], env: [{name: MARK, value: one}]}
    - {name: bad, triggers: [{type: http}]}
`

func TestFunctionThatDoesNotBuild(t *testing.T) {
	r := newRig(t, built, nil)
	r.project(map[string]string{"good": plain("hello"), "bad": "package main\n\nfunc main() { undefinedName() }\n"})
	err := Run(t.Context(), r.options())
	if err == nil || !strings.Contains(err.Error(), "undefined: undefinedName") || !strings.Contains(err.Error(), "main.go:3") {
		t.Fatalf("without --watch the engine ends with the compiler's lines, and ends with %v", err)
	}

	r.up(func(o *Options) { o.Watch = true })
	if status, body := r.get("/good"); status != http.StatusOK || body != "hello one" {
		t.Errorf("the others run: %d %s", status, body)
	}
	if status, body := r.get("/bad"); status != http.StatusServiceUnavailable || !strings.Contains(body, "undefined: undefinedName") {
		t.Errorf("the one that does not build says why: %d %s", status, body)
	}
	r.write("functions/bad/main.go", plain("mended"))
	r.eventually("the mended function", func() bool {
		status, body := r.get("/bad")
		return status == http.StatusOK && strings.HasPrefix(body, "mended")
	})
	r.write("functions/good/main.go", "package main\n\nfunc main() { broken }\n")
	r.eventually("the compiler's lines", func() bool { return strings.Contains(r.out.String(), "undefined: broken") })
	if status, body := r.get("/good"); status != http.StatusOK || body != "hello one" {
		t.Errorf("what ran goes on: %d %s", status, body)
	}
}

func TestMeshIsReloadedWithoutARefusal(t *testing.T) {
	r := newRig(t, built, nil)
	r.project(map[string]string{"good": plain("hello"), "bad": plain("other")})
	r.up(func(o *Options) { o.Watch = true })
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if status, body := r.get("/good"); status != http.StatusOK {
				t.Errorf("a request got %d %s", status, body)
				return
			}
		}
	}()
	for _, mark := range []string{"two", "three"} {
		r.write("mesh.yaml", strings.Replace(built, "value: one", "value: "+mark, 1))
		r.eventually("the new environment "+mark, func() bool {
			_, body := r.get("/good")
			return body == "hello "+mark
		})
	}
	r.write("mesh.yaml", strings.Replace(built, "name: good", "name: 7good", 1))
	r.eventually("why the mesh stays", func() bool { return strings.Contains(r.out.String(), "the mesh stays as it was") })
	if _, body := r.get("/good"); body != "hello three" {
		t.Errorf("a mesh with a fault changes nothing: %s", body)
	}
	r.write("mesh.yaml", built+"    - {name: third, source: ./functions/bad, triggers: [{type: http, path: /more}]}\n")
	r.eventually("the new function", func() bool {
		status, _ := r.get("/more")
		return status == http.StatusOK
	})
	close(stop)
	<-done
}

func (r *rig) get(path string) (int, string) {
	resp, err := http.Get(r.run.HTTP + path)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	var b strings.Builder
	buf := make([]byte, 4096)
	for {
		n, err := resp.Body.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			return resp.StatusCode, b.String()
		}
	}
}

func TestReadEnvFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "env")
	text := "# comment\n\nA=1\nexport B = \"two words\"\nC='#3'\nD=\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env, err := readEnvFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for k, want := range map[string]string{"A": "1", "B": "two words", "C": "#3", "D": ""} {
		if got, ok := env[k]; !ok || got != want {
			t.Errorf("%s is %q, want %q", k, got, want)
		}
	}
}
