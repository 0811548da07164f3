package delivery_test

import (
	"net/http"
	"testing"
	"time"
)

// retries has three layers: the policy's attempts, the function's and a link's.
const retries = `
  functions: [{name: source}, {name: byLink, retry: {maxAttempts: 4}}, {name: byFunction, retry: {maxAttempts: 4}}, {name: byPolicy}, {name: once}]
  connections:
    - {from: source, to: byLink, retry: {maxAttempts: 3}}
    - {from: source, to: byFunction}
    - {from: source, to: byPolicy}
    - {from: source, to: once, retry: {maxAttempts: 1}}
  policies:
    retry: {maxAttempts: 2, backoff: constant, initialInterval: 1ms}
    circuitBreaker: {failureThreshold: 100}
`

func fails(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }

func TestRetryInForce(t *testing.T) {
	want := map[string]int{"byLink": 3, "byFunction": 4, "byPolicy": 2, "once": 1}
	calls := make(map[string]*requests)
	handlers := make(map[string]http.HandlerFunc)
	for name := range want {
		calls[name] = &requests{}
		handlers[name] = calls[name].then(fails)
	}
	e := start(t, retries, handlers)
	e.submit("source", "1", `{}`)
	for name, n := range want {
		e.idle(name)
		if got := len(calls[name].all()); got != n {
			t.Errorf("%s was called %d times, want %d, the first call among them", name, got, n)
		}
	}
	for _, d := range e.deadLetters() {
		if d.Attempts != want[d.Function] {
			t.Errorf("dead letter of %s after %d attempts, want %d", d.Function, d.Attempts, want[d.Function])
		}
	}
	// What came by no link goes by the function's own.
	if err := e.Enqueue(t.Context(), e.plan.Function("byLink"), input("trigger", `{}`)); err != nil {
		t.Fatal(err)
	}
	e.idle("byLink")
	if got := len(calls["byLink"].all()) - want["byLink"]; got != 4 {
		t.Errorf("an event of a trigger was tried %d times, want 4, as the function says", got)
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	e := start(t, retries, map[string]http.HandlerFunc{"byLink": func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusServiceUnavailable)
	}})
	e.submit("source", "1", `{}`)
	if got := e.await("retrying").pause; got != time.Minute {
		t.Errorf("pause = %v, want the minute that the function asked for, not the millisecond of the policy", got)
	}
	// Others pass the event that waits.
	for _, name := range []string{"byFunction", "byPolicy", "once"} {
		e.idle(name)
	}
}

// TestEditedLinks: events that waited while the mesh was edited are handled by
// the mesh as it is.
func TestEditedLinks(t *testing.T) {
	b := broker(t)
	before := compile(t, retries)
	old := run(t, before, b, serve(t, before, nil))
	old.stop()
	old.submit("source", "1", `{}`)

	after := compile(t, `
  functions: [{name: other}, {name: byLink, retry: {maxAttempts: 2, backoff: constant, initialInterval: 1ms}}, {name: once}]
  connections:
    - {from: other, to: byLink, retry: {maxAttempts: 5}}
    - {from: byLink, to: once, condition: status == 'error'}
`)
	var link, once requests
	e := run(t, after, b, serve(t, after, map[string]http.HandlerFunc{"byLink": link.then(fails), "once": once.then(answer(204, nil))}))
	e.idle("byLink")
	e.idle("once")
	if got := len(link.all()); got != 2 {
		t.Errorf("byLink was called %d times, want 2, as the function says: the event's link is gone", got)
	}
	if got := len(once.all()); got != 2 {
		t.Errorf("once was called %d times, want 2: by its old event, and by the error on its new link", got)
	}
}
