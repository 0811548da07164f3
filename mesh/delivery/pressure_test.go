package delivery_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weftmesh/weft/bindings/jetstream"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// circuit is a mesh whose breaker of worker opens after two events and may be
// tried again at once.
const circuit = `
  functions: [{name: source}, {name: worker, retry: {maxAttempts: 100, backoff: constant, initialInterval: 1ms}}, {name: other}]
  connections:
    - {from: source, to: worker, condition: "result.to == 'worker'", retry: {maxAttempts: 100, backoff: constant, initialInterval: 1ms}}
    - {from: source, to: other, condition: "result.to == 'other'"}
  policies: {circuitBreaker: {failureThreshold: 2, recoveryTimeout: 200ms}}
`

func TestBreakerStopsAndProbes(t *testing.T) {
	var works atomic.Bool
	var calls requests
	e := start(t, circuit, map[string]http.HandlerFunc{"worker": calls.then(func(w http.ResponseWriter, _ *http.Request) {
		if !works.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})})
	worker := e.plan.Function("worker")
	e.submit("source", "1", `{"to":"worker"}`)
	e.submit("source", "2", `{"to":"worker"}`)
	want := func(s delivery.BreakerState) {
		t.Helper()
		if got := e.await("breaker"); got.f != worker || got.state != s {
			t.Fatalf("breaker of %s turned %s, want %s", got.f.Name, got.state, s)
		}
	}
	want(delivery.BreakerOpen)
	e.submit("source", "3", `{"to":"other"}`)
	e.idle("other") // another function goes on
	want(delivery.BreakerHalfOpen)
	want(delivery.BreakerOpen) // the probe failed
	works.Store(true)
	want(delivery.BreakerHalfOpen)
	want(delivery.BreakerClosed)
	e.idle("worker")
	if got := e.Breaker(worker); got != delivery.BreakerClosed {
		t.Errorf("state = %s", got)
	}
	if n := len(e.deadLetters()); n != 0 {
		t.Errorf("%d dead letters: waiting for a circuit spends no attempts", n)
	}
}

func TestBreakerIsShared(t *testing.T) {
	plan := compile(t, circuit)
	b := broker(t)
	var first, second requests
	fail := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }
	ends := serve(t, plan, map[string]http.HandlerFunc{"worker": first.then(fail)})
	one := run(t, plan, b, ends)
	two := run(t, plan, b, serve(t, plan, map[string]http.HandlerFunc{"worker": second.then(fail)}), func(c *delivery.Config) {
		// It hears of failures only from the other one.
		c.MaxInFlight = nil
	})
	for _, id := range []string{"1", "2", "3", "4", "5"} {
		one.submit("source", id, `{"to":"worker"}`)
	}
	for _, e := range []*engine{one, two} {
		if got := e.await("breaker"); got.state != delivery.BreakerOpen {
			t.Errorf("turned %s, want open", got.state)
		}
	}
}

func TestFullQueueHoldsBack(t *testing.T) {
	plan := compile(t, chain)
	s, err := jetstream.Start(t.Context(), jetstream.Options{
		Dir: t.TempDir(), Namespace: "default", Mesh: "shop", MaxBytes: 64 << 10, Logger: quiet(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	var validate, notify requests
	open := make(chan struct{})
	big := map[string]any{"valid": true, "pad": strings.Repeat("x", 10<<10)}
	ends := serve(t, plan, map[string]http.HandlerFunc{
		"validateInventory": validate.then(answer(200, big)),
		"notifyUser": notify.then(func(w http.ResponseWriter, _ *http.Request) {
			<-open
			w.WriteHeader(http.StatusNoContent)
		}),
	})
	e := run(t, plan, s, ends)
	const n = 30
	for i := range n {
		e.submit("ingestOrder", itoa(i), `{}`)
	}
	// All are called, not all fit downstream: the rest is held.
	for range n {
		e.await("started")
	}
	f := e.plan.Function("notifyUser")
	for i := 0; ; i++ {
		o := outcome(plan.Function("validateInventory"), "x"+itoa(i), `{"valid":true,"pad":"`+strings.Repeat("x", 10<<10)+`"}`)
		if _, err := e.Submit(context.Background(), o); errors.Is(err, delivery.ErrQueueFull) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	close(open)
	e.idle("validateInventory")
	e.idle("notifyUser")
	if got := len(validate.all()); got != n {
		t.Errorf("validateInventory was called %d times, want %d: an event is held, not called again", got, n)
	}
	seen := make(map[string]bool)
	for _, r := range notify.all() {
		seen[r.header.Get("Ce-Id")] = true
	}
	if len(seen) < n {
		t.Errorf("%s saw %d events, want %d", f.Name, len(seen), n)
	}
}

func TestSlowFunctionHoldsUpNoOther(t *testing.T) {
	release := make(chan struct{})
	e := start(t, circuit, map[string]http.HandlerFunc{"worker": func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-release
	}}, func(c *delivery.Config) { c.MaxInFlight = func(*mesh.Function) int { return 2 } })
	for i := range 20 {
		e.submit("source", "slow"+itoa(i), `{"to":"worker"}`)
	}
	for i := range 20 {
		e.submit("source", "fast"+itoa(i), `{"to":"other"}`)
	}
	e.idle("other")
	if n := e.InFlight(e.plan.Function("worker")); n > 2 {
		t.Errorf("%d in flight, want at most 2", n)
	}
	close(release)
	e.idle("worker")
}

func TestHopLimit(t *testing.T) {
	e := start(t, `
  functions: [{name: ping}, {name: pong}]
  connections:
    - {from: ping, to: pong}
    - {from: pong, to: ping}
`, map[string]http.HandlerFunc{"ping": answer(200, 1), "pong": answer(200, 2)})
	e.submit("ping", "1", `0`)
	dead := e.await("dead").dead
	if !strings.Contains(dead.Error, "64 links in a row") || dead.Attempts != 0 {
		t.Errorf("dead letter %q after %d attempts", dead.Error, dead.Attempts)
	}
	e.idle("ping")
	e.idle("pong")
}

func TestTimeout(t *testing.T) {
	const spec = `
  functions: [{name: source}, {name: slow, timeout: 50ms}]
  connections: [{from: source, to: slow, retry: {maxAttempts: 1}}]
`
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}
	t.Run("Hangs", func(t *testing.T) {
		e := start(t, spec, map[string]http.HandlerFunc{"slow": hang})
		e.submit("source", "1", `{}`)
		if got, want := e.await("dead").dead.Error, "no answer within the timeout of 50ms"; got != want {
			t.Errorf("error = %q, want %q", got, want)
		}
	})
	t.Run("Debugged", func(t *testing.T) {
		plan := compile(t, spec)
		ends := serve(t, plan, map[string]http.HandlerFunc{"slow": func(w http.ResponseWriter, _ *http.Request) {
			time.Sleep(100 * time.Millisecond) // longer than the timeout
			w.WriteHeader(http.StatusNoContent)
		}})
		ends.noTimeout = true
		e := run(t, plan, broker(t), ends)
		e.submit("source", "1", `{}`)
		if got := e.await("ended").call; got.Err != nil {
			t.Errorf("a call without timeout ended with %v", got.Err)
		}
	})
}

func TestBrokenConnection(t *testing.T) {
	var n atomic.Int32
	plan := compile(t, chain)
	ends := serve(t, plan, map[string]http.HandlerFunc{"validateInventory": func(http.ResponseWriter, *http.Request) {
		if n.Add(1) == 1 {
			panic(http.ErrAbortHandler)
		}
	}})
	e := run(t, plan, broker(t), ends)
	e.submit("ingestOrder", "1", `{}`)
	r := e.await("retrying")
	if !strings.HasPrefix(r.call.Err.Error(), "connection broke: ") || r.call.Attempt != 1 {
		t.Errorf("retrying after %v, attempt %d", r.call.Err, r.call.Attempt)
	}
	e.idle("validateInventory")
	ends.mu.Lock()
	defer ends.mu.Unlock()
	if ends.broken != 1 || ends.prewarmed["notifyUser"] < 2 {
		t.Errorf("%d broken replicas reported, want 1; %d prewarmings downstream, want one for each call", ends.broken, ends.prewarmed["notifyUser"])
	}
}

func TestEnqueue(t *testing.T) {
	var validate requests
	e := start(t, chain, map[string]http.HandlerFunc{"validateInventory": validate.then(answer(204, nil))})
	in := input("outside-1", `{"a":1}`)
	in.SetExtension("weftattempt", "99")
	in.SetExtension("mine", "kept")
	for range 2 {
		if err := e.Enqueue(t.Context(), e.plan.Function("validateInventory"), in); err != nil {
			t.Fatal(err)
		}
	}
	e.idle("validateInventory")
	calls := validate.all()
	if len(calls) != 1 {
		t.Fatalf("%d calls, want 1", len(calls))
	}
	h := calls[0].header
	if h.Get("Ce-Id") != "outside-1" || h.Get("Ce-Source") != "/test" || h.Get("Ce-Weftattempt") != "1" || h.Get("Ce-Mine") != "kept" || len(h.Get("X-Trace-Id")) != 32 {
		t.Errorf("headers %v", h)
	}
	if err := e.Enqueue(t.Context(), e.plan.Function("ingestOrder"), in); err == nil {
		t.Error("a function without queue took an event")
	}
}
