package delivery_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh/delivery"
)

const chain = `
  functions: [{name: ingestOrder}, {name: validateInventory}, {name: notifyUser}, {name: cleanUp}]
  connections:
    - {from: ingestOrder, to: validateInventory, retry: {maxAttempts: 3, backoff: constant, initialInterval: 1ms}}
    - {from: validateInventory, to: notifyUser, condition: result.valid == true}
    - {from: validateInventory, to: cleanUp, condition: status == 'error', retry: {maxAttempts: 1}}
`

func TestChain(t *testing.T) {
	var validate, notify requests
	e := start(t, chain, map[string]http.HandlerFunc{
		"validateInventory": validate.then(answer(200, map[string]any{"valid": true, "n": 1})),
		"notifyUser":        notify.then(answer(202, nil)),
	})
	routed := e.submit("ingestOrder", "1", `{"order":7}`)
	if routed.Queued != 1 || len(routed.Links) != 1 || routed.Links[0].To.Name != "validateInventory" {
		t.Fatalf("routed %+v", routed)
	}
	e.idle("validateInventory")
	e.idle("notifyUser")
	if n := len(validate.all()); n != 1 {
		t.Fatalf("validateInventory was called %d times", n)
	}
	v, n := validate.all()[0], notify.all()[0]
	got := map[string]string{
		"body": v.body, "source": v.header.Get("Ce-Source"), "type": v.header.Get("Ce-Type"),
		"from": v.header.Get("Ce-Weftfrom"), "attempt": v.header.Get("Ce-Weftattempt"), "hops": v.header.Get("Ce-Wefthops"),
		"token": v.header.Get("Weft-Token"), "trace": v.header.Get("X-Trace-Id"),
		"next body": strings.TrimSpace(n.body), "next hops": n.header.Get("Ce-Wefthops"), "next trace": n.header.Get("X-Trace-Id"),
	}
	want := map[string]string{
		"body": `{"order":7}`, "source": "/default/shop/ingest-order", "type": e.plan.Function("ingestOrder").Type,
		"from": "ingestOrder", "attempt": "1", "hops": "1",
		"token": "token-validateInventory", "trace": "0af7651916cd43dd8448eb211c80319c",
		"next body": `{"n":1,"valid":true}`, "next hops": "2", "next trace": "0af7651916cd43dd8448eb211c80319c",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what the functions saw: -want +got\n%s", diff)
	}
	first, second := v.header.Get("Traceparent"), n.header.Get("Traceparent")
	if first == second || first == "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" {
		t.Errorf("each call is a span of its own: %s, %s", first, second)
	}
}

func TestFailures(t *testing.T) {
	cases := map[string]struct {
		reason   string
		validate http.HandlerFunc
		calls    int
		cleanUp  int
		error    string
	}{
		"Retried": {
			reason:   "5xx is tried until attempts run out, then offered to links that take errors",
			validate: answer(500, map[string]string{"error": "stock is down"}), calls: 3, cleanUp: 1,
			error: "answered 500 Internal Server Error: stock is down",
		},
		"Final": {
			reason:   "422 is what fn.Permanent answers: no second call",
			validate: answer(422, map[string]string{"error": "no items"}), calls: 1, cleanUp: 1,
			error: "answered 422 Unprocessable Entity: no items",
		},
		"Redirect": {
			reason:   "redirects are not followed",
			validate: http.RedirectHandler("/elsewhere", http.StatusFound).ServeHTTP, calls: 1, cleanUp: 1,
			error: `answered 302 to "/elsewhere": redirects are not followed`,
		},
		"Garbage": {
			reason: "JSON that is none is a final failure: the answer would be the same again",
			validate: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte("{oops"))
			}, calls: 1, cleanUp: 1,
			error: "answered 200 with garbage: application/json that does not parse: invalid character 'o' looking for beginning of object key string",
		},
		"TooLong": {
			reason: "an answer past the limit is final",
			validate: func(w http.ResponseWriter, _ *http.Request) {
				_, _ = w.Write(make([]byte, 100_000))
			}, calls: 1, cleanUp: 1,
			error: "answered 200 with more than 65536 bytes, the limit",
		},
		"NotLinked": {
			reason: "an emit to a function that is not linked is a fault of the mesh",
			validate: func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/cloudevents-batch+json")
				_, _ = w.Write([]byte(`[{"specversion":"1.0","id":"1","source":"/x","type":"t","weftto":"nobody","data":1}]`))
			}, calls: 1, cleanUp: 1,
			error: `validateInventory emitted to "nobody", to which it has no link; it is linked to ["notifyUser" "cleanUp"]`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var validate, clean requests
			e := start(t, chain, map[string]http.HandlerFunc{
				"validateInventory": validate.then(tc.validate), "cleanUp": clean.then(answer(200, nil)),
			}, func(c *delivery.Config) { c.MaxAnswer = 64 << 10 })
			e.submit("ingestOrder", "1", `{"order":7}`)
			e.idle("validateInventory")
			e.idle("cleanUp")
			if got := len(validate.all()); got != tc.calls {
				t.Errorf("%s: %d calls, want %d", tc.reason, got, tc.calls)
			}
			if got := len(clean.all()); got != tc.cleanUp {
				t.Fatalf("%s: %d calls of the error's handler, want %d", tc.reason, got, tc.cleanUp)
			}
			c := clean.all()[0]
			got, err := decodeHeader(c.header.Get("Ce-Wefterror"))
			if err != nil || got != tc.error {
				t.Errorf("%s: wefterror = %q (%v), want %q", tc.reason, got, err, tc.error)
			}
			if c.body != `{"order":7}` {
				t.Errorf("%s: the error output's data = %s, want the input's", tc.reason, c.body)
			}
			if n := len(e.deadLetters()); n != 0 {
				t.Errorf("%s: %d dead letters, want none: the error was taken", tc.reason, n)
			}
		})
	}
}

func TestDeadLetterAndRedrive(t *testing.T) {
	var works atomic.Bool
	var notify requests
	e := start(t, chain, map[string]http.HandlerFunc{
		"validateInventory": answer(200, map[string]any{"valid": true}),
		"notifyUser": notify.then(func(w http.ResponseWriter, _ *http.Request) {
			if !works.Load() {
				w.WriteHeader(http.StatusBadRequest)
			}
		}),
	})
	e.submit("ingestOrder", "1", `{"order":7}`)
	dead := e.await("dead").dead
	e.idle("notifyUser")
	want := delivery.DeadLetter{Function: "notifyUser", Error: "answered 400 Bad Request", Attempts: 1, TraceID: "0af7651916cd43dd8448eb211c80319c"}
	got := delivery.DeadLetter{Function: dead.Function, Error: dead.Error, Attempts: dead.Attempts, TraceID: dead.TraceID}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if counts, err := e.broker.DeadLetters().Count(t.Context()); err != nil || counts["notifyUser"] != 1 {
		t.Errorf("counts = %v, %v", counts, err)
	}
	works.Store(true)
	id, err := e.Redrive(t.Context(), dead.ID)
	if err != nil {
		t.Fatal(err)
	}
	e.idle("notifyUser")
	calls := notify.all()
	if len(calls) != 2 {
		t.Fatalf("%d calls, want the first and the redriven one", len(calls))
	}
	if got := calls[1].header.Get("Ce-Id"); got != id || got == calls[0].header.Get("Ce-Id") {
		t.Errorf("redriven id = %s, want the new %s", got, id)
	}
	if n := len(e.deadLetters()); n != 0 {
		t.Errorf("%d dead letters left", n)
	}
	if _, err := e.Redrive(t.Context(), dead.ID); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("redriving again: %v, want ErrNotFound", err)
	}
}

func TestSubmitTwiceRoutesOnce(t *testing.T) {
	var validate requests
	e := start(t, chain, map[string]http.HandlerFunc{"validateInventory": validate.then(answer(204, nil))})
	for range 3 {
		e.submit("ingestOrder", "same", `{"order":7}`)
	}
	e.submit("ingestOrder", "other", `{"order":7}`)
	e.idle("validateInventory")
	if n := len(validate.all()); n != 2 {
		t.Errorf("%d calls, want one for each input", n)
	}
}

func TestUnavailableSpendsNoAttempt(t *testing.T) {
	var validate requests
	plan := compile(t, chain)
	ends := serve(t, plan, map[string]http.HandlerFunc{"validateInventory": validate.then(answer(204, nil))})
	f := plan.Function("validateInventory")
	ends.setUnavailable(f, &delivery.UnavailableError{Function: f.Name, Reason: "does not build", RetryAfter: 1e6})
	e := run(t, plan, broker(t), ends)
	e.submit("ingestOrder", "1", `{}`)
	for ends.count(f.Name) < 5 {
	}
	ends.setUnavailable(f, nil)
	e.idle("validateInventory")
	calls := validate.all()
	if len(calls) != 1 || calls[0].header.Get("Ce-Weftattempt") != "1" {
		t.Errorf("calls = %+v, want one, as attempt 1", calls)
	}
}

func TestShutdown(t *testing.T) {
	entered := make(chan struct{}, 10)
	plan := compile(t, chain)
	b := broker(t)
	ends := serve(t, plan, map[string]http.HandlerFunc{"validateInventory": func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		entered <- struct{}{}
		<-r.Context().Done()
	}})
	e := run(t, plan, b, ends, func(c *delivery.Config) { c.DrainTimeout = 1e6 })
	e.submit("ingestOrder", "1", `{}`)
	<-entered
	e.stop()
	var validate requests
	e = run(t, plan, b, serve(t, plan, map[string]http.HandlerFunc{"validateInventory": validate.then(answer(204, nil))}))
	e.idle("validateInventory")
	calls := validate.all()
	if len(calls) != 1 || calls[0].header.Get("Ce-Weftattempt") != "1" {
		t.Errorf("calls = %+v, want one, as attempt 1: a call cut off is no attempt", calls)
	}
}

func TestCall(t *testing.T) {
	e := start(t, chain, map[string]http.HandlerFunc{"validateInventory": answer(200, map[string]any{"valid": true})})
	f := e.plan.Function("validateInventory")
	in := input("abc", `{"a":1}`)
	rec, outputs, err := e.Call(context.Background(), f, in)
	if err != nil || rec.Err != nil {
		t.Fatal(err, rec.Err)
	}
	if rec.StatusCode != 200 || len(outputs) != 1 || rec.Trigger != "invoke" || len(rec.TraceID) != 32 {
		t.Errorf("record %+v, outputs %v", rec, outputs)
	}
	r, err := e.Submit(t.Context(), delivery.OutcomeOf(rec, in, outputs))
	if err != nil || r.Queued != 1 || r.Links[0].To.Name != "notifyUser" {
		t.Errorf("routed %+v, %v", r, err)
	}
}
