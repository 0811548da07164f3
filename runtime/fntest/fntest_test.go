package fntest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/runtime/fntest"
)

func TestOutcomes(t *testing.T) {
	answer := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	cases := map[string]struct {
		reason  string
		handler http.HandlerFunc
		want    fntest.Kind
	}{
		"output":      {"a 2xx with a body is an output", answer(200, `{}`), fntest.KindOutput},
		"created":     {"whichever 2xx", answer(201, `{}`), fntest.KindOutput},
		"no content":  {"204 is none", answer(204, ``), fntest.KindNone},
		"accepted":    {"202 is none, whatever its body", answer(202, `{}`), fntest.KindNone},
		"empty":       {"no body is none", answer(200, ``), fntest.KindNone},
		"not found":   {"404 may mend itself", answer(404, ``), fntest.KindRetry},
		"timeout":     {"408 may mend itself", answer(408, ``), fntest.KindRetry},
		"conflict":    {"409 may mend itself", answer(409, ``), fntest.KindRetry},
		"too early":   {"425 may mend itself", answer(425, ``), fntest.KindRetry},
		"too many":    {"429 may mend itself", answer(429, ``), fntest.KindRetry},
		"unavailable": {"503 may mend itself", answer(503, ``), fntest.KindRetry},
		"broken":      {"other 5xx may mend themselves", answer(500, ``), fntest.KindRetry},
		"bad request": {"other 4xx are final", answer(400, ``), fntest.KindFinal},
		"unprocessed": {"422 is final", answer(422, ``), fntest.KindFinal},
		"garbage": {"JSON that is none is final", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, "{oops")
		}, fntest.KindFinal},
		"bad event": {"so is a malformed event", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/cloudevents+json")
			_, _ = io.WriteString(w, "{}")
		}, fntest.KindFinal},
		"plain":        {"bytes of no stated type are an output", answer(200, `{oops`), fntest.KindOutput},
		"unauthorized": {"401 is final", answer(401, ``), fntest.KindFinal},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := fntest.New(t)
			fntest.HTTP(h, "f", tc.handler)
			if got := h.Deliver(1); got.Kind != tc.want {
				t.Errorf("%s: %s, want %s", tc.reason, got.Kind, tc.want)
			}
		})
	}
}

func TestContextOf(t *testing.T) {
	h := fntest.New(t)
	e := fntest.Attempt(fntest.Event("x"), 3)
	ctx := h.ContextOf(e)
	if got, ok := fn.Event(ctx); !ok || got.ID() != e.ID() {
		t.Errorf("Event = %v, %v", got, ok)
	}
	if got := fn.Attempt(ctx); got != 3 {
		t.Errorf("Attempt = %d, want 3", got)
	}
	if fn.TraceID(ctx) == "" || fn.TraceID(ctx) == fn.TraceID(h.Context()) {
		t.Error("each call has a trace of its own")
	}
}

func TestDeliverKeepsEmits(t *testing.T) {
	h := fntest.New(t)
	fntest.CloudEvent(h, "spread", func(ctx context.Context, e event.Event) error {
		_ = fn.Emit(ctx, "first", json.RawMessage(`{"n":1}`))
		own := event.New()
		own.SetType("mine")
		own.SetSubject("s")
		own.SetExtension("tenant", "t")
		if err := own.SetData("text/plain", "hello"); err != nil {
			return err
		}
		return fn.Emit(ctx, "secondOne", own)
	})
	out := h.Deliver(1)
	if out.Kind != fntest.KindOutput || len(out.Outputs) != 0 || len(out.Emitted) != 2 {
		t.Fatalf("outcome %+v", out)
	}
	if got := h.Emitted("second-one"); len(got) != 1 || got[0].Type() != "mine" || got[0].Subject() != "s" || got[0].Extensions()["tenant"] != "t" || string(got[0].Data()) != "hello" {
		t.Errorf("the event emitted: %v", got)
	}
	if diff := cmp.Diff([]map[string]int{{"n": 1}}, fntest.EmittedAs[map[string]int](h, "first")); diff != "" {
		t.Errorf("emitted -want +got:\n%s", diff)
	}
}

func TestRequest(t *testing.T) {
	h := fntest.New(t)
	fntest.HTTP(h, "ingest", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := fn.Emit(r.Context(), "next", map[string]string{"path": r.URL.Path}); err != nil {
			t.Error(err)
		}
		w.WriteHeader(http.StatusCreated)
	}))
	if got := h.Request("POST", "/orders", order{ID: "1"}); got.StatusCode != http.StatusCreated || got.Header.Get("Weft-Emitted") != "1" {
		t.Errorf("answer %+v", got)
	}
	if got := fntest.EmittedAs[map[string]string](h, "next"); len(got) != 1 || got[0]["path"] != "/orders" {
		t.Errorf("emitted %v", got)
	}
	h.SetSink(http.StatusServiceUnavailable)
	if got := h.Request("POST", "/orders", nil); got.StatusCode != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
		t.Errorf("with a full queue: %+v", got)
	}
	if got := len(h.Emitted("next")); got != 1 {
		t.Errorf("%d events emitted after a failure, want 1", got)
	}
}

func TestOutputAs(t *testing.T) {
	h := fntest.New(t)
	fntest.Typed(h, "double", func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	fntest.Typed(h, "fail", func(ctx context.Context, _ int) (int, error) {
		fn.Logger(ctx).Info("about to fail")
		return 0, fn.RetryAfter(errors.New("busy"), 1500*time.Millisecond)
	})
	if got := fntest.OutputAs[int](t, h.DeliverTo("double", 21)); got != 42 {
		t.Errorf("double(21) = %d", got)
	}
	if out := h.Deliver(1); out.Kind != fntest.KindRetry || out.RetryAfter != 2*time.Second || out.Err != "busy" {
		t.Errorf("outcome %+v", out)
	}
	if log := h.Logs(); !strings.Contains(log, `"about to fail"`) || !strings.Contains(log, `"event_id":"test-event"`) {
		t.Errorf("log:\n%s", log)
	}
}

func TestConcurrent(t *testing.T) {
	h := fntest.New(t)
	fntest.Typed(h, "echo", func(ctx context.Context, n int) (int, error) { return n, fn.Emit(ctx, "next", n) })
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() { h.Deliver(i) })
	}
	wg.Wait()
	if got := len(h.Emitted("next")); got != 50 {
		t.Errorf("%d emitted, want 50", got)
	}
}
