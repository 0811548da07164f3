package subscriptions

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/dapr/components-contrib/pubsub"
	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh"
)

// quick is a function with little time and one place.
const quick = `    - {name: ship, source: ., timeout: 100ms, concurrency: 1, scaling: {maxReplicas: 2}, triggers: [{type: http}]}
`

func TestSlow(t *testing.T) {
	r := newRig(t, quick, bus, plainOrders)
	release := make(chan struct{})
	defer close(release)
	r.serve("ship", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet {
			http.NotFound(w, req)
			return
		}
		<-release
	}))
	m, _ := r.run(1)
	r.publish("orders", "1", "x")
	r.eventually("end of patience", func() bool { return m.Counts()[0].Retried == 1 })
}

// TestInFlight counts the calls of a function at once.
func TestInFlight(t *testing.T) {
	r := newRig(t, strings.Replace(quick, "100ms", "10s", 1), bus, "")
	var now, most atomic.Int64
	release := make(chan struct{})
	r.serve("ship", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		n := now.Add(1)
		for {
			old := most.Load()
			if n <= old || most.CompareAndSwap(old, n) {
				break
			}
		}
		<-release
		now.Add(-1)
	}))
	m := r.manager(r.set)
	mem := m.members[0]
	l := m.newListener(mem, mustCompile(t, asked{pubsub: "bus", topic: "t", fallback: "/"}), mem.post)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if err := l.handle(t.Context(), &pubsub.NewMessage{Data: []byte("{}")}); err != nil {
				t.Error(err)
			}
		})
	}
	r.eventually("two calls", func() bool { return now.Load() == 2 })
	close(release)
	all.Wait()
	if got := most.Load(); got != 2 {
		t.Errorf("%d calls at once, want concurrency times replicas, 2", got)
	}
}

// TestStopWaits has a manager stop with a call under way and another message
// come.
func TestStopWaits(t *testing.T) {
	r := newRig(t, ship, bus, deadLettered)
	calls, release := make(chan string, 10), make(chan struct{})
	r.serve("ship", http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet {
			http.NotFound(w, req)
			return
		}
		calls <- req.URL.Path
		<-release
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	m := r.manager(r.set)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- m.Run(ctx) }()
	r.active(m, 1)
	l := m.listeners()[0]
	results := make(chan error, 2)
	msg := &pubsub.NewMessage{Data: []byte("{}"), Topic: "orders"}
	go func() { results <- l.handle(context.Background(), msg) }()
	<-calls
	cancel()
	r.eventually("closed gate", l.gate.isShut)
	go func() { results <- l.handle(context.Background(), msg) }()
	select {
	case err := <-done:
		t.Fatalf("Run ended with %v while a call was under way", err)
	default:
	}
	close(release)
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for range 2 {
		if err := <-results; !errors.Is(err, errStopping) {
			t.Errorf("what failed or came late goes back to the component, not %v", err)
		}
	}
	if got := l.counts.read(); got.DeadLettered != 0 || len(calls) != 0 {
		t.Errorf("counts %+v, %d more calls", got, len(calls))
	}
	if got := m.Active(); len(got) != 0 {
		t.Errorf("in force after the end: %+v", got)
	}
}

// panics is a Functions whose calls panic.
type panics struct{}

func (panics) Do(*mesh.Function, *http.Request) (*http.Response, error) { panic("boom") }

func TestPanic(t *testing.T) {
	r := newRig(t, ship, bus, plainOrders)
	m, err := New(Config{Plan: r.b.Plan, Components: r.set, Functions: panics{}, Logger: r.log.logger()})
	if err != nil {
		t.Fatal(err)
	}
	mem := m.members[0]
	l := m.newListener(mem, mustCompile(t, asked{pubsub: "bus", topic: "t", fallback: "/"}), mem.post)
	if err := l.handle(t.Context(), &pubsub.NewMessage{Data: []byte("{}")}); err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("a panic ends with %v", err)
	}
	_, err = l.handleBulk(t.Context(), &pubsub.BulkMessage{Entries: []pubsub.BulkMessageEntry{{EntryId: "1", Event: []byte("{}")}}})
	if err == nil || !strings.Contains(err.Error(), "boom") {
		t.Errorf("a panic ends with %v", err)
	}
	if n := r.log.count("panicked", "stack="); n != 2 {
		t.Errorf("told %d times", n)
	}
	if len(mem.slots) != 0 || l.gate.inside != 0 {
		t.Error("a panic keeps its place")
	}
}

// TestRebind has only the route change: the subscription stays.
func TestRebind(t *testing.T) {
	r := newRig(t, ship, bus, "")
	r.serve("ship", newRecorder(nil))
	m, _ := r.run(0)
	mem := m.members[0]
	r.asked("ship")
	apply := func(a asked) *listener {
		w := mustCompile(t, a).of(mem.f)
		mem.asking.Lock()
		mem.apply([]*want{w})
		mem.asking.Unlock()
		return mem.list()[0]
	}
	first := apply(asked{pubsub: "bus", topic: "t", fallback: "/a"})
	second := apply(asked{pubsub: "bus", topic: "t", fallback: "/b", deadLetter: "dead"})
	if first != second {
		t.Error("a new route is a new subscription")
	}
	third := apply(asked{pubsub: "bus", topic: "t", fallback: "/b", metadata: map[string]string{"rawPayload": "true"}})
	if second == third {
		t.Error("new metadata are no new subscription")
	}
	if diff := cmp.Diff([]Rule{{"", "/b"}}, r.active(m, 1)[0].Rules); diff != "" {
		t.Error(diff)
	}
}
