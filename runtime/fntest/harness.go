package fntest

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"go.opentelemetry.io/otel/trace"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/runtime/host"
	"github.com/weftmesh/weft/runtime/internal/adapt"
	"github.com/weftmesh/weft/runtime/internal/call"
	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/logs"
	"github.com/weftmesh/weft/runtime/internal/memory"
	"github.com/weftmesh/weft/runtime/internal/names"
	"github.com/weftmesh/weft/runtime/internal/registry"
)

const token = "fntest"

// Harness serves functions in memory, and keeps what they emit, store, publish
// and log. It is safe for concurrent use, so that a test can call a function many times at
// once.
type Harness struct {
	t          testing.TB
	log        *slog.Logger
	logs       *lines
	sink       *sink
	memory     *memory.Memory
	components *component.Client

	mu        sync.Mutex
	functions []host.Function
	timeout   time.Duration
	calls     []*call.Call // made by Context and ContextOf
	delivered []event.Event
	serial    int
}

// New returns a harness for one test. If the test fails, it shows what the
// functions logged.
func New(t testing.TB) *Harness {
	t.Helper()
	m := &memory.Memory{}
	h := &Harness{t: t, logs: &lines{}, sink: &sink{}, memory: m, components: &component.Client{Backend: m}}
	h.log = logs.New(h.logs, slog.LevelDebug)
	t.Cleanup(func() {
		if text := h.logs.String(); t.Failed() && text != "" {
			t.Log("the functions logged:\n" + text)
		}
	})
	return h
}

// Typed serves a handler of values, as fn.Typed does.
func Typed[In, Out any](h *Harness, name string, f func(context.Context, In) (Out, error)) {
	h.add(adapt.Typed(name, f))
}

// CloudEvent serves a handler of events, as fn.CloudEvent does.
func CloudEvent(h *Harness, name string, f func(context.Context, event.Event) error) {
	h.add(adapt.CloudEvent(name, f))
}

// HTTP serves a handler of HTTP requests, as fn.HTTP does.
func HTTP(h *Harness, name string, handler http.Handler) {
	h.add(adapt.HTTP(name, handler))
}

func (h *Harness) add(f host.Function) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.functions = append(h.functions, f)
}

// SetTimeout bounds the calls made from now on, as the mesh's timeout does; 0,
// the default, is no bound.
func (h *Harness) SetTimeout(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.timeout = d
}

// SetSink makes the sink answer with a status from now on: 202, the default,
// is success; 503 says that the queues are full; 404 that an emit's target is
// not linked.
func (h *Harness) SetSink(status int) { h.sink.setStatus(status) }

// host returns a host of the function called name, of the only one or the last
// served if name is empty. A harness that serves none has those that the
// program registered with package fn.
func (h *Harness) host(name string) *host.Host {
	h.t.Helper()
	h.mu.Lock()
	functions, timeout := h.functions, h.timeout
	h.mu.Unlock()
	if len(functions) == 0 {
		functions = registry.All()
	}
	if name == "" && len(functions) > 0 {
		name = functions[len(functions)-1].Name
	}
	var chosen []host.Function
	var known []string
	for _, f := range functions {
		known = append(known, f.Name)
		if names.Same(f.Name, name) {
			chosen = []host.Function{f}
		}
	}
	if chosen == nil {
		h.t.Fatalf("fntest: no function %q; there are: %s", name, strings.Join(known, ", "))
	}
	served, err := host.New(host.Options{
		Target: name, Sink: "http://sink.invalid/sink/" + token, Timeout: timeout, Logger: h.log, Transport: h.sink,
	}, chosen...)
	if err != nil {
		h.t.Fatalf("fntest: %v", err)
	}
	return served
}

// Context returns the context of a plain call, to call a handler with. What
// is emitted with it can be seen at once.
func (h *Harness) Context() context.Context { return h.context(nil) }

// ContextOf returns the context of a call with an event, to call a handler
// with: fn.Event and fn.Attempt know it.
func (h *Harness) ContextOf(e event.Event) context.Context { return h.context(&e) }

func (h *Harness) context(e *event.Event) context.Context {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.serial++
	c := &call.Call{Function: "test", Event: e, Attempt: 1, Log: h.log, EventID: fmt.Sprintf("test-%d", h.serial)}
	if e != nil {
		c.EventID = e.ID()
		c.Attempt = max(1, wire.IntExtension(e, contract.ExtAttempt))
	}
	c.Span = trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{15: byte(h.serial), 14: byte(h.serial >> 8), 0: 1}, SpanID: trace.SpanID{7: 1}, TraceFlags: trace.FlagsSampled,
	})
	h.calls = append(h.calls, c)
	return call.With(trace.ContextWithRemoteSpanContext(h.base(), c.Span), c)
}

// base is the context that all calls descend from.
func (h *Harness) base() context.Context { return component.With(h.t.Context(), h.components) }

// Emitted returns what has been emitted to the function called to, in order:
// with the contexts of Context and ContextOf, then by calls of Deliver, then by
// calls of Request and Do.
func (h *Harness) Emitted(to string) []event.Event {
	h.mu.Lock()
	defer h.mu.Unlock()
	var events []event.Event
	for _, c := range h.calls {
		for _, e := range c.Emits() {
			if names.Same(e.To, to) {
				events = append(events, e.Event)
			}
		}
	}
	for _, e := range append(h.delivered[:len(h.delivered):len(h.delivered)], h.sink.received()...) {
		if names.Same(wire.Extension(&e, contract.ExtTo), to) {
			events = append(events, e)
		}
	}
	return events
}

// EmittedAs returns the data of what has been emitted to the function called
// to. The test fails if it is no T.
func EmittedAs[T any](h *Harness, to string) []T {
	h.t.Helper()
	var values []T
	for _, e := range h.Emitted(to) {
		var v T
		if err := json.Unmarshal(e.Data(), &v); err != nil {
			h.t.Fatalf("fntest: emitted to %s: %v: %s", to, err, e.Data())
		}
		values = append(values, v)
	}
	return values
}

// Logs returns what the functions have logged, as JSON lines.
func (h *Harness) Logs() string { return h.logs.String() }

// lines is a log kept in memory.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
