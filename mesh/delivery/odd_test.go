package delivery_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/mesh/delivery"
)

// TestOddTraces: a trace context that is none costs no call and no replica its
// good name.
func TestOddTraces(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	cases := map[string]struct {
		reason        string
		parent, state string
		wantState     string
	}{
		"Good":      {"both travel", good, "vendor=1", "vendor=1"},
		"Control":   {"a state that cannot be a header is dropped", good, "vendor=\r\nX-Evil: 1", ""},
		"NUL":       {"whichever control character", good, "v=\x00", ""},
		"NoParent":  {"a state without a parent means nothing", "", "vendor=1", ""},
		"BadParent": {"nor with a malformed one", "00-xyz", "vendor=1", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			plan := compile(t, chain)
			var validate requests
			var failed atomic.Bool
			ends := serve(t, plan, map[string]http.HandlerFunc{"validateInventory": validate.then(func(w http.ResponseWriter, _ *http.Request) {
				if !failed.Swap(true) {
					w.WriteHeader(http.StatusInternalServerError)
				}
			})})
			e := run(t, plan, broker(t), ends)
			o := outcome(plan.Function("ingestOrder"), "1", `{}`)
			o.TraceParent, o.TraceState = tc.parent, tc.state
			if _, err := e.Submit(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			e.idle("validateInventory")
			calls := validate.all()
			if len(calls) != 2 {
				t.Fatalf("%s: %d calls, want the first and its retry; dead letters %v", tc.reason, len(calls), e.deadLetters())
			}
			if ends.broken != 0 {
				t.Errorf("%s: %d replicas called broken", tc.reason, ends.broken)
			}
			for _, c := range calls {
				if got := c.header.Get("Tracestate"); got != tc.wantState {
					t.Errorf("%s: tracestate %q, want %q", tc.reason, got, tc.wantState)
				}
				if c.header.Get("X-Evil") != "" {
					t.Errorf("%s: a header was injected", tc.reason)
				}
			}
			if a, b := calls[0].header.Get("X-Trace-Id"), calls[1].header.Get("X-Trace-Id"); a != b {
				t.Errorf("%s: the attempts are in traces %s and %s, want one", tc.reason, a, b)
			}
		})
	}
}

// TestHeldOutputsAreAppendedOnce: while one queue is full, what went into
// another is not put there again, which the dedup window would not hide
// forever.
func TestHeldOutputsAreAppendedOnce(t *testing.T) {
	plan := compile(t, `
  functions: [{name: source}, {name: fork}, {name: free}, {name: stuck}]
  connections:
    - {from: source, to: fork}
    - {from: fork, to: free}
    - {from: fork, to: stuck}
`)
	b := &stubborn{Broker: broker(t), queue: "stuck", refuse: 3, appended: map[string]int{}}
	e := run(t, plan, b, serve(t, plan, map[string]http.HandlerFunc{"fork": answer(200, 1)}))
	e.submit("source", "1", `{}`)
	e.idle("fork")
	e.idle("free")
	e.idle("stuck")
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.refuse != 0 || b.appended["free"] != 1 || b.appended["stuck"] != 1 {
		t.Errorf("appended %v with %d refusals to come, want one each", b.appended, b.refuse)
	}
}

// stubborn refuses a queue's events a few times.
type stubborn struct {
	delivery.Broker
	queue    string
	mu       sync.Mutex
	refuse   int
	appended map[string]int
}

func (b *stubborn) Publish(ctx context.Context, queue string, e *event.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if queue == b.queue && b.refuse > 0 {
		b.refuse--
		return delivery.ErrQueueFull
	}
	b.appended[queue]++
	return b.Broker.Publish(ctx, queue, e)
}

// TestOddAnswers: whatever a function answers ends as an output, or as a dead
// letter that says why.
func TestOddAnswers(t *testing.T) {
	type response struct{ contentType, body string }
	cases := map[string]struct {
		reason string
		answer response
		want   string // content type and body at the next function
		dead   string // or what the dead letter says
	}{
		"Null":        {"null is JSON", response{"application/json", "null"}, "application/json null", ""},
		"Number":      {"so is a number", response{"application/json", "-1.5e300"}, "application/json -1.5e300", ""},
		"String":      {"a string", response{"application/json", `"\u0000"`}, `application/json "\u0000"`, ""},
		"Array":       {"an array", response{"application/json; charset=utf-8", "[1, 2]"}, "application/json; charset=utf-8 [1, 2]", ""},
		"Suffix":      {"any +json", response{"application/problem+json", "{}"}, "application/problem+json {}", ""},
		"InvalidUTF8": {"bytes in strings are kept", response{"application/json", "\"\xff\""}, "application/json \"\xff\"", ""},
		"Binary":      {"bytes are kept", response{"image/png", "\x00\xff\r\n\x89"}, "image/png \x00\xff\r\n\x89", ""},
		"Text":        {"text is", response{"TEXT/Plain", "grüß"}, "TEXT/Plain grüß", ""},
		"Megabyte":    {"size does not matter up to the limit", response{"text/plain", strings.Repeat("x", 1<<20)}, "text/plain " + strings.Repeat("x", 1<<20), ""},
		"NoMediaType": {"a content type must fit a header", response{"text/\xffplain", "x"}, "", "datacontenttype"},
		"Nested": {"an event cannot hold events: in binary mode it would be taken for them", response{"application/cloudevents+json",
			`{"specversion":"1.0","id":"1","source":"/x","type":"t","datacontenttype":"application/cloudevents+json","data":{"specversion":"1.0","id":"2","source":"/y","type":"u"}}`},
			"", "datacontenttype"},
		"Injection": {"nor bring headers of its own", response{"application/cloudevents+json",
			`{"specversion":"1.0","id":"1","source":"/x","type":"t","datacontenttype":"text/plain\r\nX-Evil: 1","data":"x"}`}, "", "datacontenttype"},
		"Attributes": {"odd attributes travel", response{"application/cloudevents+json",
			`{"specversion":"1.0","id":"ü\r\n\u0000","source":"/x","type":"t\r\nX-Evil: 1","subject":"\"a\\b%41 ü\u0000","data":1}`}, " 1", ""},
		"FarTime": {"a time that is a year 10000 in UTC is none", response{"application/cloudevents+json",
			`{"specversion":"1.0","id":"1","source":"/x","type":"t","time":"9999-12-31T23:59:59-12:00"}`}, "", "time"},
		"LongSubject": {"what no queue takes is given up at once", response{"application/cloudevents+json",
			`{"specversion":"1.0","id":"1","source":"/x","type":"t","subject":"` + strings.Repeat("s", 70<<10) + `"}`}, "", "too large"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var next requests
			e := start(t, `
  functions: [{name: source}, {name: odd}, {name: next}]
  connections: [{from: source, to: odd}, {from: odd, to: next}]
`, map[string]http.HandlerFunc{
				"odd": func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", tc.answer.contentType)
					_, _ = w.Write([]byte(tc.answer.body))
				},
				"next": next.then(answer(204, nil)),
			})
			e.submit("source", "1", `{"in":1}`)
			e.idle("odd")
			e.idle("next")
			var got string
			for _, r := range next.all() {
				got += r.header.Get("Content-Type") + " " + r.body
				if r.header.Get("X-Evil") != "" {
					t.Errorf("%s: a header was injected", tc.reason)
				}
			}
			if got != tc.want {
				t.Errorf("%s: next got %.100q, want %.100q", tc.reason, got, tc.want)
			}
			dead := fmt.Sprint(len(e.deadLetters()), " dead letters")
			for _, d := range e.deadLetters() {
				dead = d.Function + ": " + d.Error
				if string(d.Event.Data()) != `{"in":1}` {
					t.Errorf("%s: the dead letter holds %q, want the input", tc.reason, d.Event.Data())
				}
			}
			if tc.dead == "" && dead != "0 dead letters" || tc.dead != "" && (!strings.HasPrefix(dead, "odd: ") || !strings.Contains(dead, tc.dead)) {
				t.Errorf("%s: %s, want %q", tc.reason, dead, tc.dead)
			}
		})
	}
}
