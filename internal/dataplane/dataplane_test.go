package dataplane

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/mesh"
)

const meshFile = `
apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: shop}
spec:
  functions:
    - {name: ingestOrder, triggers: [{type: http, path: /orders, methods: [POST]}]}
    - {name: validateInventory}
    - {name: notifyUser, scaler: %s}
  connections:
    - {from: ingestOrder, to: validateInventory}
    - {from: validateInventory, to: notifyUser, condition: result.valid == true}
  broker: nats
  components:
    - {name: nats, type: pubsub.jetstream, metadata: [{name: natsURL, value: "%s"}]}
`

// cluster is what a mesh needs around it: a NATS server, functions that answer
// at addresses of their own, and the files that Kubernetes would mount.
type cluster struct {
	t                   *testing.T
	dir, nats, storeDir string
	functions           map[string]*httptest.Server
	server              *natsserver.Server

	mu    sync.Mutex
	calls map[string][]string // event ids, by function
	asked map[string]int      // health requests
}

func newCluster(t *testing.T, scaler string, handlers map[string]http.HandlerFunc) *cluster {
	t.Helper()
	dir := t.TempDir()
	s := runNATS(t, dir, -1)
	c := &cluster{t: t, dir: t.TempDir(), storeDir: dir, nats: s.ClientURL(), server: s, functions: make(map[string]*httptest.Server), calls: make(map[string][]string), asked: make(map[string]int)}
	c.write("mesh/mesh.yaml", fmt.Sprintf(meshFile, scaler, c.nats))
	for _, name := range []string{"ingest-order", "validate-inventory", "notify-user"} {
		c.write("tokens/"+name, "token-of-"+name)
		c.functions[name] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c.mu.Lock()
			if r.URL.Path == contract.PathReadiness {
				c.asked[name]++
				c.mu.Unlock()
				return
			}
			c.calls[name] = append(c.calls[name], r.Header.Get("Ce-Id"))
			c.mu.Unlock()
			if got := r.Header.Get(contract.HeaderToken); r.Header.Get("Ce-Id") != "" && got != "token-of-"+name {
				t.Errorf("%s was called with the token %q", name, got)
			}
			if h := handlers[name]; h != nil {
				h(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"valid": true}`)
		}))
		t.Cleanup(c.functions[name].Close)
	}
	return c
}

func (c *cluster) write(name, text string) {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cluster) options(role Role) Options {
	return Options{
		Role: role, Mesh: filepath.Join(c.dir, "mesh"), Tokens: filepath.Join(c.dir, "tokens"), Secrets: filepath.Join(c.dir, "secrets"),
		HTTP: "127.0.0.1:0", Sink: "127.0.0.1:0", Metrics: "127.0.0.1:0", Admin: "127.0.0.1:0", Scaler: "127.0.0.1:0",
		Address: func(f *mesh.Function) string { return c.functions[f.KubeName].URL },
		Drain:   20 * time.Second,
		Logger:  slog.New(slog.NewTextHandler(testWriter{c.t}, nil)),
	}
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", strings.TrimSuffix(string(p), "\n"))
	return len(p), nil
}

// start runs a process and returns where it serves, and how to stop it and
// learn how it ended.
func (c *cluster) start(o Options) (Addresses, func() error) {
	c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan Addresses, 1), make(chan error, 1)
	o.OnReady = func(a Addresses) { ready <- a }
	go func() { ended <- Run(ctx, o) }()
	stop := sync.OnceValue(func() error { cancel(); return <-ended })
	c.t.Cleanup(func() { _ = stop() })
	select {
	case a := <-ready:
		return a, stop
	case err := <-ended:
		c.t.Fatalf("%s did not start: %v", o.Role, err)
	}
	return Addresses{}, nil
}

func (c *cluster) post(url, body string) (int, string) {
	c.t.Helper()
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func (c *cluster) called(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls[name])
}

// eventually waits until something holds that another goroutine brings about.
func (c *cluster) eventually(what string, holds func() bool) {
	c.t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("it never came about that %s; calls: %v", what, c.calls)
		}
	}
}

// One order travels the chain: accepted by the front, and dispatched by it.
func TestFrontRunsTheChain(t *testing.T) {
	c := newCluster(t, "knative", nil)
	at, stop := c.start(c.options(RoleFront))
	if code, text := c.post("http://"+at.HTTP+"/orders", `{"id": "o1"}`); code != http.StatusOK {
		t.Fatalf("the order was answered %d: %s", code, text)
	}
	c.eventually("notifyUser is called", func() bool { return c.called("notify-user") == 1 })
	if got := c.called("validate-inventory"); got != 1 {
		t.Errorf("validateInventory was called %d times", got)
	}
	for path, want := range map[string]string{
		contract.PathReadiness: "ok", contract.PathLiveness: "ok", "/metrics": `function_invocations_total{function="notifyUser",mesh="shop"`,
	} {
		resp, err := http.Get("http://" + at.Metrics + path)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK || !strings.Contains(string(text), want) {
			t.Errorf("%s answers %d without %q", path, resp.StatusCode, want)
		}
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// What a function posts to its sink is routed once it is known by its token.
func TestSinkKnowsFunctionsByToken(t *testing.T) {
	c := newCluster(t, "knative", nil)
	at, _ := c.start(c.options(RoleFront))
	post := func(token string) int {
		req, _ := http.NewRequest(http.MethodPost, "http://"+at.Sink+"/sink/"+token, strings.NewReader(`{"id": "o2"}`))
		for k, v := range map[string]string{"Ce-Id": "1", "Ce-Source": "/x", "Ce-Type": "t", "Ce-Specversion": "1.0", "Content-Type": "application/json"} {
			req.Header.Set(k, v)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if got := post("wrong"); got != http.StatusUnauthorized && got != http.StatusForbidden && got != http.StatusNotFound {
		t.Errorf("a wrong token is answered %d", got)
	}
	if got := post("token-of-ingest-order"); got != http.StatusAccepted {
		t.Errorf("the right token is answered %d", got)
	}
	c.eventually("validateInventory is called", func() bool { return c.called("validate-inventory") == 1 })
	if resp, err := http.Post("http://"+at.HTTP+"/sink/token-of-ingest-order", "application/json", strings.NewReader("{}")); err != nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("the gateway has a sink: %v, %v", resp, err)
	}
}

// A process that is asked to stop finishes the calls under way, hands back the
// rest with no attempt spent, and another goes on.
func TestStopLosesNothing(t *testing.T) {
	reached, let := make(chan struct{}, 100), make(chan struct{})
	c := newCluster(t, "knative", map[string]http.HandlerFunc{"validate-inventory": func(w http.ResponseWriter, r *http.Request) {
		reached <- struct{}{}
		<-let
		if got := r.Header.Get("Ce-Weftattempt"); got != "1" {
			t.Errorf("attempt %s of an event that nobody failed", got)
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"valid": true}`)
	}})
	at, stop := c.start(c.options(RoleFront))
	const orders = 20
	for i := range orders {
		if code, text := c.post("http://"+at.HTTP+"/orders", fmt.Sprintf(`{"id": "o%d"}`, i)); code != http.StatusOK {
			t.Fatalf("answered %d: %s", code, text)
		}
	}
	<-reached
	ended := make(chan error)
	go func() { ended <- stop() }()
	c.eventually("the front is not ready any more", func() bool {
		resp, err := http.Get("http://" + at.Metrics + contract.PathReadiness)
		if err != nil {
			return true
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusServiceUnavailable
	})
	close(let)
	if err := <-ended; err != nil {
		t.Errorf("stopping: %v", err)
	}
	c.start(c.options(RoleDispatcher))
	c.eventually("all orders are through", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		ids := make(map[string]bool)
		for _, id := range c.calls["notify-user"] {
			ids[id] = true
		}
		return len(ids) == orders
	})
}

// A function that KEDA scales has a dispatcher in each of its pods, which takes
// its queue alone and calls it where it is.
func TestDispatcherOfOneFunction(t *testing.T) {
	c := newCluster(t, "keda", nil)
	at, _ := c.start(c.options(RoleFront))
	if code, text := c.post("http://"+at.HTTP+"/orders", `{"id": "o1"}`); code != http.StatusOK {
		t.Fatalf("answered %d: %s", code, text)
	}
	c.eventually("validateInventory is called", func() bool { return c.called("validate-inventory") == 1 })
	o := c.options(RoleDispatcher)
	o.Function, o.Local = "notifyUser", c.functions["notify-user"].URL
	o.Address = func(f *mesh.Function) string {
		t.Errorf("%s is called from a pod that is not its own", f.Name)
		return "http://127.0.0.1:1"
	}
	if n := c.called("notify-user"); n != 0 {
		t.Errorf("the front called notifyUser %d times", n)
	}
	o.Address = func(*mesh.Function) string { return "http://127.0.0.1:1" }
	c.start(o)
	c.eventually("notifyUser is called", func() bool { return c.called("notify-user") == 1 })
}

// A function at zero is woken before it is called: the wait is no part of the
// call, and no attempt.
func TestWakesBeforeItCalls(t *testing.T) {
	c := newCluster(t, "knative", nil)
	asleep := c.functions["validate-inventory"]
	address := strings.TrimPrefix(asleep.URL, "http://")
	handler := asleep.Config.Handler
	asleep.Close()
	at, _ := c.start(c.options(RoleFront))
	if code, text := c.post("http://"+at.HTTP+"/orders", `{"id": "o1"}`); code != http.StatusOK {
		t.Fatalf("answered %d: %s", code, text)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	awake := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
	awake.Start()
	t.Cleanup(awake.Close)
	c.eventually("validateInventory is called", func() bool { return c.called("validate-inventory") == 1 })
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked["validate-inventory"] == 0 {
		t.Error("it was called without being woken")
	}
}
