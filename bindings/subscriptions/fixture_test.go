package subscriptions

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dapr/components-contrib/pubsub"

	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/source"
)

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// rig is a mesh with functions that are real servers.
type rig struct {
	publisher
	b   *source.Bundle
	log *lines

	mu      sync.Mutex
	servers map[string]*httptest.Server
	down    map[string]error
	calls   map[string]int
}

// bus is an in-memory pub/sub component.
const bus = `  components: [{name: bus, type: pubsub.in-memory, version: v1}]
`

// newRig reads a mesh with these functions; extra are more documents, and
// components the lines of the spec for them.
func newRig(t *testing.T, functions, components, extra string) *rig {
	t.Helper()
	text := "apiVersion: functions.openfunction.io/v1beta1\nkind: FunctionMesh\nmetadata: {name: shop}\nspec:\n" + components + "  functions:\n" + functions + extra
	return newRigFrom(t, text)
}

func newRigFrom(t *testing.T, text string) *rig {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "mesh.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b, problems := source.Load(path, source.Options{})
	if b.Plan == nil {
		t.Fatalf("the mesh does not load: %v", problems)
	}
	r := &rig{
		publisher: publisher{t: t}, b: b, log: &lines{}, servers: make(map[string]*httptest.Server),
		down: make(map[string]error), calls: make(map[string]int),
	}
	r.set = r.open(nil)
	t.Cleanup(func() { _ = r.set.Close() })
	return r
}

func (r *rig) open(reuse *components.Set) *components.Set {
	r.t.Helper()
	set, err := components.Open(context.Background(), components.Config{
		Plan: r.b.Plan, Dir: r.b.Dir, Base: r.b.Dir, Reuse: reuse, Logger: r.log.logger(),
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return set
}

// serve has h be the function of that name.
func (r *rig) serve(name string, h http.Handler) {
	s := httptest.NewServer(h)
	r.t.Cleanup(s.Close)
	r.mu.Lock()
	r.servers[name] = s
	r.mu.Unlock()
}

// fail has calls of the function fail with err; nil ends that.
func (r *rig) fail(name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down[name] = err
}

// called counts the calls of a function.
func (r *rig) called(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.calls[name]
}

// Do implements Functions.
func (r *rig) Do(f *mesh.Function, req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	s, err := r.servers[f.Name], r.down[f.Name]
	r.calls[f.Name]++
	r.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if s == nil {
		return nil, fmt.Errorf("%s has no server", f.Name)
	}
	base, err := url.Parse(s.URL)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(req.Context(), f.Timeout)
	out := req.Clone(ctx)
	out.URL.Scheme, out.URL.Host, out.RequestURI, out.Host = base.Scheme, base.Host, "", ""
	resp, err := http.DefaultTransport.RoundTrip(out)
	if err != nil {
		cancel()
		return nil, err
	}
	resp.Body = &endingBody{resp.Body, cancel}
	return resp, nil
}

type endingBody struct {
	io.ReadCloser
	cancel func()
}

func (c *endingBody) Close() error { defer c.cancel(); return c.ReadCloser.Close() }

// manager makes one that is not running.
func (r *rig) manager(set *components.Set) *Manager {
	r.t.Helper()
	m, err := New(Config{Plan: r.b.Plan, Components: set, Declared: r.b.Subscriptions, Functions: r, Logger: r.log.logger()})
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// run starts a manager and waits for n subscriptions to be in force. stop ends
// it; the test's end does so too.
func (r *rig) run(n int) (m *Manager, stop func()) {
	r.t.Helper()
	m = r.manager(r.set)
	stop = r.start(m)
	<-m.started
	r.active(m, n)
	return m, stop
}

func (r *rig) start(m *Manager) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			r.t.Errorf("Run ended with %v", err)
		}
	})
	r.t.Cleanup(stop)
	return stop
}

// active waits for n subscriptions to be in force.
func (r *rig) active(m *Manager, n int) []Subscription {
	r.t.Helper()
	var got []Subscription
	r.eventually(fmt.Sprintf("%d subscriptions in force", n), func() bool {
		got = m.Active()
		return len(got) == n
	})
	return got
}

// eventually waits for what must come.
func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("there is no %s; the log:\n%s", what, r.log)
		}
	}
}

// publisher is what publishes to the bus.
type publisher struct {
	t   *testing.T
	set *components.Set
}

// publish sends a CloudEvent to a topic of the bus; fields are over its own.
func (r publisher) publish(topic, id string, data any, fields ...string) {
	r.t.Helper()
	event := pubsub.NewCloudEventsEnvelope(id, "", "", "", topic, "bus", "application/json", []byte(mustJSON(data)), "", "")
	for i := 0; i+1 < len(fields); i += 2 {
		event[fields[i]] = fields[i+1]
	}
	r.publishRaw(topic, []byte(mustJSON(event)), nil)
}

func (r publisher) publishRaw(topic string, body []byte, metadata map[string]string) {
	r.t.Helper()
	err := r.set.PubSub("bus").Publisher().Publish(context.Background(), &pubsub.PublishRequest{
		Data: body, PubsubName: "bus", Topic: topic, Metadata: metadata,
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// request is what a function was called with.
type request struct {
	Method, Path, Query string
	Header              http.Header
	Body                string
}

// recorder answers as answer says and keeps what it was asked.
type recorder struct {
	requests chan request
	answer   func(w http.ResponseWriter, r *http.Request, body string)
}

func newRecorder(answer func(w http.ResponseWriter, r *http.Request, body string)) *recorder {
	return &recorder{requests: make(chan request, 4096), answer: answer}
}

func (rec *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if r.Method == http.MethodGet || r.Method == http.MethodOptions {
		if rec.answer == nil {
			http.NotFound(w, r)
			return
		}
		rec.answer(w, r, "")
		return
	}
	if rec.answer != nil {
		rec.answer(w, r, string(body))
	}
	rec.requests <- request{r.Method, r.URL.Path, r.URL.RawQuery, r.Header, string(body)}
}

// next gives the next call.
func (rec *recorder) next(t *testing.T) request {
	t.Helper()
	select {
	case r := <-rec.requests:
		return r
	case <-time.After(patience):
		t.Fatal("the function was not called")
		return request{}
	}
}

// lines keeps what is logged.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// count gives how many lines hold all of the parts.
func (l *lines) count(parts ...string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		all := true
		for _, p := range parts {
			all = all && strings.Contains(line, p)
		}
		if all {
			n++
		}
	}
	return n
}

// asked waits until the function has been asked what it wants, so that no call
// of that kind comes later.
func (r *rig) asked(name string) {
	r.t.Helper()
	r.eventually("question to "+name, func() bool { return r.called(name) > 0 })
}
