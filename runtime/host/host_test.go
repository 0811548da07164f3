package host_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/runtime/host"
	"github.com/weftmesh/weft/runtime/internal/adapt"
	"github.com/weftmesh/weft/runtime/internal/logs"
)

const sinkURL = "http://127.0.0.1:9/sink/s3cret"

type item struct {
	SKU   string `json:"sku"`
	Count int    `json:"count"`
}

type box struct {
	ID    string `json:"id"`
	Items []item `json:"items"`
}

// roundTripper is a sink without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// fakeSink answers with a status and keeps the events posted to it.
type fakeSink struct {
	status int
	header http.Header
	body   string
	err    error

	mu     sync.Mutex
	events []event.Event
}

func (s *fakeSink) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.err != nil {
		return nil, s.err
	}
	body, _ := io.ReadAll(r.Body)
	events, mode, err := wire.Read(r.Header, body)
	if err != nil || mode != wire.Batch {
		return nil, fmt.Errorf("not a batch: %v %w", mode, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, events...)
	header := s.header
	if header == nil {
		header = http.Header{}
	}
	return &http.Response{StatusCode: s.status, Header: header, Body: io.NopCloser(strings.NewReader(s.body)), Request: r}, nil
}

func newHost(t *testing.T, opts host.Options, functions ...host.Function) (*host.Host, *syncBuffer) {
	t.Helper()
	log := &syncBuffer{}
	if opts.Logger == nil {
		opts.Logger = logs.New(log, slog.LevelDebug)
	}
	h, err := host.New(opts, functions...)
	if err != nil {
		t.Fatalf("host.New: %v", err)
	}
	return h, log
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// request makes a request; more are header keys and values.
func request(method, path, body string, more ...string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(more); i += 2 {
		r.Header.Set(more[i], more[i+1])
	}
	return r
}

// delivery is a request as the dispatcher makes it.
func delivery(body string, more ...string) *http.Request {
	return request("POST", "/", body, append([]string{
		"Ce-Specversion", "1.0", "Ce-Id", "in-1", "Ce-Source", "/default/m/up", "Ce-Type", "m.up.output",
		"Content-Type", "application/json", "Weft-Token", "s3cret",
	}, more...)...)
}

func do(h http.Handler, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// errorOf returns the text of a problem.
func errorOf(w *httptest.ResponseRecorder) string {
	var p struct{ Error string }
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		return "no problem: " + w.Body.String()
	}
	return p.Error
}

func TestTyped(t *testing.T) {
	count := adapt.Typed("count", func(_ context.Context, b box) (map[string]int, error) { return map[string]int{"n": len(b.Items)}, nil })
	fails := func(err error) host.Function {
		return adapt.Typed("fails", func(context.Context, box) (int, error) { return 0, err })
	}
	jsonType := []string{"Content-Type", "application/json"}
	cases := map[string]struct {
		reason   string
		function host.Function
		request  *http.Request
		status   int
		body     string // of a success
		err      string // within the problem's text
		header   map[string]string
	}{
		"delivery":       {"JSON in, JSON out", count, delivery(`{"items":[{},{}],"unknown":1}`), 200, `{"n":2}`, "", map[string]string{"Content-Type": "application/json"}},
		"plain":          {"a plain POST works alike", count, request("POST", "/any", `{"items":[{}]}`, jsonType...), 200, `{"n":1}`, "", nil},
		"no type":        {"no content type is JSON", count, request("PUT", "/", `{}`), 200, `{"n":0}`, "", nil},
		"no body":        {"no body is the zero value", count, request("POST", "/", ``), 200, `{"n":0}`, "", nil},
		"no data":        {"an event without data is the zero value", count, delivery(``), 200, `{"n":0}`, "", nil},
		"GET":            {"GET is refused", count, request("GET", "/", ``), 405, "", "not GET", map[string]string{"Allow": "POST, PUT, PATCH, DELETE"}},
		"wrong type":     {"only JSON is taken", count, request("POST", "/", `a=b`, "Content-Type", "application/x-www-form-urlencoded"), 415, "", "Content-Type: application/json", nil},
		"broken JSON":    {"syntax errors name the byte", count, request("POST", "/", `{"items":[}`, jsonType...), 400, "", "at byte 11", nil},
		"wrong field":    {"type errors name the field", count, delivery(`{"items":[{"count":"2"}]}`), 400, "", "field items.count is a string", nil},
		"trailing":       {"nothing follows the value", count, delivery(`{} {}`), 400, "", "after top-level value", nil},
		"structured":     {"structured mode is read", count, request("POST", "/", `{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"items":[{}]}}`, "Content-Type", "application/cloudevents+json", "Weft-Token", "s3cret"), 200, `{"n":1}`, "", nil},
		"bad event":      {"a bad event names its fault, finally", count, delivery(`{}`, "Ce-Time", "noon"), 400, "", `"time"`, nil},
		"unknown format": {"other event formats are 415", count, request("POST", "/", ``, "Content-Type", "application/cloudevents+avro", "Weft-Token", "s3cret"), 415, "", "application/cloudevents+json", nil},
		"event by GET":   {"events are posted", count, func() *http.Request { r := delivery(``); r.Method = "GET"; return r }(), 405, "", "not GET", map[string]string{"Allow": "POST"}},
		"error":          {"an error is 500 with its text", fails(errors.New("boom")), delivery(`{}`), 500, "", "boom", nil},
		"long error":     {"the text of an error is cut, between characters", fails(errors.New(strings.Repeat("ö", 5000))), delivery(`{}`), 500, "", "ö …", nil},
		"permanent":      {"Permanent is 422", fails(fmt.Errorf("save: %w", fn.Permanent(errors.New("no such customer")))), delivery(`{}`), 422, "", "save: no such customer", nil},
		"retry after":    {"RetryAfter is 503 and says when, rounded up", fails(fn.RetryAfter(errors.New("busy"), 1200*time.Millisecond)), delivery(`{}`), 503, "", "busy", map[string]string{"Retry-After": "2"}},
		"outermost":      {"the outermost mark counts", fails(fn.RetryAfter(fn.Permanent(errors.New("x")), time.Second)), delivery(`{}`), 503, "", "x", nil},
		"not JSON-able":  {"an output that is no JSON is an error", adapt.Typed("bad", func(context.Context, int) (any, error) { return make(chan int), nil }), delivery(`1`), 500, "", "not JSON-able", nil},
		"no output":      {"nil is no output", adapt.Typed("none", func(context.Context, int) (*box, error) { return nil, nil }), delivery(`1`), 204, "", "", nil},
		"empty struct":   {"an empty struct is one", adapt.Typed("empty", func(context.Context, int) (struct{}, error) { return struct{}{}, nil }), delivery(`1`), 200, `{}`, "", nil},
		"text":           {"a string takes text", adapt.Typed("text", func(_ context.Context, s string) (string, error) { return s + "!", nil }), request("POST", "/", "hi", "Content-Type", "text/plain"), 200, `"hi!"`, "", nil},
		"bytes":          {"bytes come and go as they are", adapt.Typed("bytes", func(_ context.Context, b []byte) ([]byte, error) { return append(b, 0xff), nil }), delivery("\x00", "Content-Type", "image/png"), 200, "\x00\xff", "", map[string]string{"Content-Type": "application/octet-stream"}},
		"raw JSON":       {"raw JSON stays", adapt.Typed("raw", func(_ context.Context, b json.RawMessage) (json.RawMessage, error) { return b, nil }), delivery(`{"a": 1}`), 200, `{"a":1}`, "", nil},
		"too large":      {"a body beyond the limit is 413", count, request("POST", "/", strings.Repeat("x", 2000), jsonType...), 413, "", "1000 bytes", nil},
		"too large, long": {"also if its length is not known", count, func() *http.Request {
			r := request("POST", "/", strings.Repeat("x", 2000), jsonType...)
			r.ContentLength = -1
			return r
		}(), 413, "", "1000 bytes", nil},
		"panic":        {"a panic is 500, its stack not in the answer", adapt.Typed("panics", func(context.Context, int) (int, error) { panic("oh no") }), delivery(`1`), 500, "", "panic: oh no", nil},
		"panic, plain": {"what it panicked with is not for whoever sent a request", adapt.Typed("panics", func(context.Context, int) (int, error) { panic("oh no") }), request("POST", "/", "1", jsonType...), 500, "", "the function panicked; its log says why", nil},
		"panic, HTTP":  {"nor is that of an HTTP handler", adapt.HTTP("panics", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh no") })), request("GET", "/", ""), 500, "", "the function panicked; its log says why", nil},
		"no token":     {"deliveries need the token", count, delivery(`{}`, "Weft-Token", ""), 403, "", "Weft-Token", nil},
		"wrong token":  {"the right one", count, delivery(`{}`, "Weft-Token", "guess"), 403, "", "Weft-Token", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h, log := newHost(t, host.Options{Sink: sinkURL, MaxBody: 1000}, tc.function)
			w := do(h, tc.request)
			if w.Code != tc.status {
				t.Fatalf("%s: status %d, want %d: %s", tc.reason, w.Code, tc.status, w.Body)
			}
			if tc.err == "" {
				if got := w.Body.String(); got != tc.body {
					t.Errorf("%s: body %q, want %q", tc.reason, got, tc.body)
				}
			} else if got := errorOf(w); !strings.Contains(got, tc.err) || strings.Contains(got, "goroutine") {
				t.Errorf("%s: error %q, want one with %q", tc.reason, got, tc.err)
			}
			for key, want := range tc.header {
				if got := w.Header().Get(key); got != want {
					t.Errorf("%s: header %s = %q, want %q", tc.reason, key, got, want)
				}
			}
			if strings.Contains(log.String(), "s3cret") {
				t.Errorf("the log shows the token:\n%s", log)
			}
			if strings.HasPrefix(name, "panic") && !strings.Contains(log.String(), "goroutine") {
				t.Errorf("the log has no stack:\n%s", log)
			}
		})
	}
}

func TestNoSinkTrusts(t *testing.T) {
	h, _ := newHost(t, host.Options{}, adapt.Typed("f", func(_ context.Context, n int) (int, error) { return n, nil }))
	if w := do(h, delivery(`1`, "Weft-Token", "")); w.Code != 200 {
		t.Errorf("by hand, without K_SINK, a delivery needs no token: %d %s", w.Code, w.Body)
	}
}

func TestCloudEvent(t *testing.T) {
	var got event.Event
	f := adapt.CloudEvent("f", func(_ context.Context, e event.Event) error { got = e; return nil })
	h, _ := newHost(t, host.Options{Sink: sinkURL}, f)
	if w := do(h, delivery(`{"a":1}`, "Ce-Subject", "s", "Ce-Weftattempt", "2")); w.Code != 204 || w.Body.Len() != 0 {
		t.Fatalf("status %d, want 204", w.Code)
	}
	if got.ID() != "in-1" || got.Subject() != "s" || string(got.Data()) != `{"a":1}` {
		t.Errorf("event %v", got)
	}
	if w := do(h, request("POST", "/orders/7", "hi", "Content-Type", "text/plain", "Weft-Event-Id", "key-1")); w.Code != 204 {
		t.Fatalf("plain request: status %d", w.Code)
	}
	if got.ID() != "key-1" || got.Source() != "/orders/7" || got.Type() != adapt.RequestType || string(got.Data()) != "hi" || got.DataContentType() != "text/plain" {
		t.Errorf("event of a plain request: %v", got)
	}
	if err := got.Validate(); err != nil {
		t.Errorf("event of a plain request: %v", err)
	}
}

func TestEventAnswers(t *testing.T) {
	own := event.New()
	own.SetType("mine")
	own.SetSubject("s")
	if err := own.SetData("application/json", 1); err != nil {
		t.Fatal(err)
	}
	one := adapt.Typed("one", func(context.Context, int) (event.Event, error) { return own, nil })
	two := adapt.Typed("two", func(_ context.Context, n int) ([]event.Event, error) { return []event.Event{own, own}[:n], nil })
	cases := map[string]struct {
		reason   string
		function host.Function
		request  *http.Request
		mode     wire.Mode
		want     []string
	}{
		"one":   {"one event is answered in binary mode", one, delivery(`1`), wire.Binary, []string{"in-1/0 mine s 1"}},
		"two":   {"several are a batch", two, delivery(`2`), wire.Batch, []string{"in-1/0 mine s 1", "in-1/1 mine s 1"}},
		"none":  {"none is none", two, delivery(`0`), wire.None, nil},
		"batch": {"a batch of inputs has a batch of outputs", one, request("POST", "/", `[{"specversion":"1.0","id":"a","source":"/s","type":"t","data":1},{"specversion":"1.0","id":"b","source":"/s","type":"t","data":2}]`, "Content-Type", "application/cloudevents-batch+json", "Weft-Token", "s3cret"), wire.Batch, []string{"a/0 mine s 1", "b/0 mine s 1"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h, _ := newHost(t, host.Options{Sink: sinkURL, Service: "m-one"}, tc.function)
			w := do(h, tc.request)
			events, mode, err := wire.Read(w.Header(), w.Body.Bytes())
			if err != nil || mode != tc.mode {
				t.Fatalf("%s: mode %v, want %v, error %v: %s", tc.reason, mode, tc.mode, err, w.Body)
			}
			var got []string
			for _, e := range events {
				got = append(got, fmt.Sprintf("%s %s %s %s", e.ID(), e.Type(), e.Subject(), e.Data()))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestBatchFailsWhole(t *testing.T) {
	h, _ := newHost(t, host.Options{}, adapt.Typed("f", func(_ context.Context, n int) (int, error) {
		if n == 2 {
			return 0, fn.Permanent(errors.New("not two"))
		}
		return n, nil
	}))
	w := do(h, request("POST", "/", `[{"specversion":"1.0","id":"a","source":"/s","type":"t","data":1},{"specversion":"1.0","id":"b","source":"/s","type":"t","data":2}]`, "Content-Type", "application/cloudevents-batch+json"))
	if w.Code != 422 || !strings.Contains(errorOf(w), "event 1 of the batch: not two") {
		t.Errorf("answer %d %s", w.Code, w.Body)
	}
}

func TestHealth(t *testing.T) {
	var notReady error
	var mu sync.Mutex
	h, _ := newHost(t, host.Options{Ready: func() error { mu.Lock(); defer mu.Unlock(); return notReady }},
		adapt.HTTP("f", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })))
	if w := do(h, request("GET", "/health/readiness", "")); w.Code != 200 {
		t.Errorf("readiness %d", w.Code)
	}
	mu.Lock()
	notReady = errors.New("the cache is cold")
	mu.Unlock()
	if w := do(h, request("GET", "/health/readiness", "")); w.Code != 503 || !strings.Contains(errorOf(w), "cache is cold") {
		t.Errorf("readiness before ready: %d %s", w.Code, w.Body)
	}
	if w := do(h, request("GET", "/health/liveness", "")); w.Code != 200 {
		t.Errorf("liveness %d", w.Code)
	}
	if w := do(h, request("GET", "/health/other", "")); w.Code != http.StatusTeapot {
		t.Errorf("other health paths are the function's: %d", w.Code)
	}
}
