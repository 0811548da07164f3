package subscriptions

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/dapr/components-contrib/bindings"
	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh/delivery"
)

const tick = `  components: [{name: tick, type: bindings.cron, version: v1, metadata: [{name: schedule, value: "@every 1s"}]}]
`

// TestInputBinding has a real cron binding call a function.
func TestInputBinding(t *testing.T) {
	r := newRig(t, ship, tick, "")
	rec := newRecorder(func(w http.ResponseWriter, r *http.Request, _ string) { w.WriteHeader(http.StatusOK) })
	r.serve("ship", rec)
	r.run(0)
	got := rec.next(t)
	if got.Method != "POST" || got.Path != "/tick" || got.Body != "" {
		t.Errorf("called %s %s with %q", got.Method, got.Path, got.Body)
	}
	if got.Header.Get("Readtimeutc") == "" || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", got.Header)
	}
}

// TestWhoTakesEvents is about which functions are asked, and which answers
// count.
func TestWhoTakesEvents(t *testing.T) {
	options := func(status int) func(http.ResponseWriter, *http.Request, string) {
		return func(w http.ResponseWriter, r *http.Request, _ string) {
			if r.Method == http.MethodOptions && r.URL.Path != "/tock" {
				status = http.StatusNotFound
			}
			w.WriteHeader(status)
		}
	}
	const cron = `{name: tick, type: bindings.cron, version: v1, metadata: [{name: schedule, value: "@every 1h"}, {name: route, value: tock}`
	cases := map[string]struct {
		reason, component, function string
		status                      int
		asks, takes                 int
	}{
		"2xx":        {"2xx to OPTIONS of the route is yes", cron + "]}", ship, 204, 1, 1},
		"404":        {"404 is no", cron + "]}", ship, 404, 1, 0},
		"405":        {"405 is no: a function without OPTIONS is none that wants events", cron + "]}", ship, 405, 1, 0},
		"input":      {"a direction that names input needs no question", cron + `, {name: direction, value: "output, Input"}]}`, ship, 404, 0, 1},
		"output":     {"a direction without input is no input binding", cron + `, {name: direction, value: output}]}`, ship, 204, 0, 0},
		"trigger":    {"what a trigger reads is not asked for", cron + "]}", "    - {name: ship, source: ., triggers: [{type: binding, component: tick}]}\n", 204, 0, 0},
		"undeclared": {"a function that declares no bindings sees none", cron + "]}", "    - {name: ship, source: ., bindings: [], triggers: [{type: http}]}\n", 204, 0, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tc.function, "  components: ["+tc.component+"]\n", "")
			r.serve("ship", newRecorder(options(tc.status)))
			m, _ := r.run(0)
			m.Discover(t.Context(), r.b.Plan.Function("ship"))
			takes := 0
			for _, in := range m.inlets {
				in.mu.Lock()
				takes += len(in.members)
				in.mu.Unlock()
			}
			if takes != tc.takes {
				t.Errorf("%s: %d functions take the events, want %d", tc.reason, takes, tc.takes)
			}
			if asked := r.called("ship") > 0; asked != (tc.asks > 0) {
				t.Errorf("%s: asked %d times", tc.reason, r.called("ship"))
			}
		})
	}
}

// source is an input binding that a test feeds.
type feed struct {
	bindings.InputBinding
	reads   chan context.Context
	handler chan bindings.Handler
	fails   error
}

func newFeed() *feed {
	return &feed{reads: make(chan context.Context, 10), handler: make(chan bindings.Handler, 10)}
}

func (f *feed) Read(ctx context.Context, h bindings.Handler) error {
	f.reads <- ctx
	f.handler <- h
	return f.fails
}

// inlet makes one of a manager that reads from f.
func (r *rig) inlet(m *Manager, f *feed) *inlet {
	in := &inlet{m: m, name: "feed", path: "/feed", binding: f, born: births.Add(1)}
	m.inlets["feed"] = in
	return in
}

func TestEvents(t *testing.T) {
	r := newRig(t, ship+bury, "", "")
	m := r.manager(r.set)
	f := newFeed()
	in := r.inlet(m, f)
	in.set(m.members[0], true)
	<-f.reads
	send := <-f.handler
	event := &bindings.ReadResponse{Data: []byte("data"), Metadata: map[string]string{"key": "k", "Weft-Token": "t"}}

	rec := newRecorder(func(w http.ResponseWriter, _ *http.Request, _ string) { _, _ = w.Write([]byte("answer")) })
	r.serve("ship", rec)
	body, err := send(t.Context(), event)
	if err != nil || string(body) != "answer" {
		t.Errorf("the answer is %q, %v", body, err)
	}
	got := rec.next(t)
	if diff := cmp.Diff([]string{"/feed", "data", "k", ""}, []string{got.Path, got.Body, got.Header.Get("Key"), got.Header.Get("Weft-Token")}); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if body, err := send(t.Context(), nil); err != nil || body != nil {
		t.Errorf("no event: %q, %v", body, err)
	}

	for reason, err := range map[string]error{
		"broken":      errors.New("connection reset"),
		"unavailable": &delivery.UnavailableError{Function: "ship"},
	} {
		r.fail("ship", err)
		if _, got := send(t.Context(), event); !errors.Is(got, err) {
			t.Errorf("%s: %v", reason, got)
		}
	}
	r.fail("ship", nil)
	r.serve("ship", http.NotFoundHandler())
	if _, err := send(t.Context(), event); err == nil {
		t.Error("404 acknowledges")
	}

	// A second function gets every event too, and its error counts.
	in.set(m.members[1], true)
	r.serve("ship", rec)
	r.serve("bury", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	if _, err := send(t.Context(), event); err == nil {
		t.Error("the second function's failure is lost")
	}
	rec.next(t)
	in.stop()
}

// TestTakeOver has the next generation take over the reading of the one before.
func TestTakeOver(t *testing.T) {
	r := newRig(t, ship, "", "")
	calls, release := make(chan struct{}), make(chan struct{})
	r.serve("ship", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls <- struct{}{}; <-release }))
	f := newFeed()
	before, after := r.manager(r.set), r.manager(r.set)
	in1, in2 := r.inlet(before, f), r.inlet(after, f)
	in1.set(before.members[0], true)
	reading := <-f.reads
	send := <-f.handler
	results := make(chan error, 2)
	event := &bindings.ReadResponse{Data: []byte("x")}
	go func() { _, err := send(context.Background(), event); results <- err }()
	<-calls

	stopped := make(chan struct{})
	go func() { in1.stop(); close(stopped) }()
	r.eventually("closed gate", in1.gate.isShut)
	// What comes now waits for the next generation.
	go func() { _, err := send(context.Background(), event); results <- err }()
	in2.set(after.members[0], true)
	<-calls
	close(release)
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	<-stopped
	if reading.Err() != nil {
		t.Error("the first generation ended the second's reading")
	}
	if len(f.reads) != 0 {
		t.Error("the binding was read twice")
	}
	in2.stop()
	if reading.Err() == nil {
		t.Error("the last generation left the binding reading")
	}
	if _, err := send(context.Background(), event); err == nil {
		t.Error("an event after the end is acknowledged")
	}
}

// TestBindingRefuses has a binding whose server is down at first.
func TestBindingRefuses(t *testing.T) {
	r := newRig(t, ship, "", "")
	m := r.manager(r.set)
	f := newFeed()
	f.fails = errors.New("no connection")
	in := r.inlet(m, f)
	in.set(m.members[0], true)
	<-f.reads
	second := <-f.reads
	in.stop()
	if second.Err() == nil {
		t.Error("the binding still reads")
	}
	if n := r.log.count("is not read yet", "no connection"); n != 1 {
		t.Errorf("told %d times:\n%s", n, r.log)
	}
}
