package host_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/runtime/host"
	"github.com/weftmesh/weft/runtime/internal/adapt"
)

// envelope is an event as daprd posts it.
const envelope = `{"specversion":"1.0","id":"7","source":"shop","type":"com.dapr.event.sent","topic":"orders","pubsubname":"bus",` +
	`"datacontenttype":"application/json","traceid":"","tracestate":"","time":"2026-01-01T00:00:00Z","data":{"n":1}}`

func TestTopics(t *testing.T) {
	type decision struct {
		Status string `json:"status"`
	}
	typed := func(err error) host.Function {
		return adapt.Typed("decide", func(context.Context, struct{ N int }) (decision, error) { return decision{"shipped"}, err })
	}
	post := func(body string, more ...string) *http.Request {
		return request("POST", "/orders", body, append([]string{"Content-Type", "application/cloudevents+json", "Weft-Token", "s3cret"}, more...)...)
	}
	const bare = `{"specversion":"1.0","id":"7","source":"shop","type":"t","data":{"n":1}}`
	cases := map[string]struct {
		reason   string
		function host.Function
		request  *http.Request
		status   int
		body     string
	}{
		"result":        {"a result is no word of Dapr's", typed(nil), post(envelope), 204, ``},
		"error":         {"an error has the event come again", typed(errors.New("busy")), post(envelope), 500, `{"error":"busy"}`},
		"retry after":   {"so does one with a time", typed(fn.RetryAfter(errors.New("busy"), time.Second)), post(envelope), 503, `{"error":"busy"}`},
		"permanent":     {"what no try mends is dropped", typed(fn.Permanent(errors.New("no such customer"))), post(envelope), 200, `{"status":"DROP","error":"no such customer"}`},
		"data":          {"nor does one mend data that do not fit", typed(nil), post(strings.Replace(envelope, `"n":1`, `"n":"1"`, 1)), 200, `{"status":"DROP","error":"the data is not what the function takes: field N is a string, and an integer of type int is wanted (at byte 8)"}`},
		"no event":      {"nor a body that is no event, told by the header", typed(nil), post(`{}`, "pubsubName", "bus"), 200, ``},
		"no envelope":   {"an event that was published without Dapr has the header", typed(nil), post(bare, "pubsubName", "bus"), 204, ``},
		"no topic":      {"an event in structured mode from elsewhere is a delivery", typed(nil), post(bare), 200, `{"status":"shipped"}`},
		"link":          {"an event of a topic that was sent on along a link is a delivery", typed(nil), delivery(`{"n":1}`, "Ce-Topic", "orders", "Ce-Pubsubname", "bus"), 200, `{"status":"shipped"}`},
		"CloudEvent":    {"handlers of events alike", adapt.CloudEvent("take", func(context.Context, event.Event) error { return fn.Permanent(errors.New("no")) }), post(envelope), 200, `{"status":"DROP","error":"no"}`},
		"emits":         {"what is emitted is answered for the engine to route", adapt.CloudEvent("take", func(ctx context.Context, _ event.Event) error { return fn.Emit(ctx, "next", 1) }), post(envelope), 200, ``},
		"HTTP handlers": {"they speak Dapr's words themselves", adapt.HTTP("say", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"status":"RETRY"}`)) })), post(envelope), 200, `{"status":"RETRY"}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h, log := newHost(t, host.Options{Sink: sinkURL}, tc.function)
			w := do(h, tc.request)
			if w.Code != tc.status || tc.body != "" && w.Body.String() != tc.body {
				t.Errorf("%s: %d %s, want %d %s", tc.reason, w.Code, w.Body, tc.status, tc.body)
			}
			switch name {
			case "result", "no envelope":
				if w.Body.Len() > 0 {
					t.Errorf("%s: answered %s", tc.reason, w.Body)
				}
			case "no event":
				if !strings.HasPrefix(w.Body.String(), `{"status":"DROP","error":`) {
					t.Errorf("%s: answered %s", tc.reason, w.Body)
				}
			case "emits":
				if got := w.Header().Get("Content-Type"); got != "application/cloudevents-batch+json" {
					t.Errorf("%s: answered %s", tc.reason, got)
				}
			case "permanent":
				if !strings.Contains(log.String(), "no such customer") {
					t.Errorf("the log does not say why:\n%s", log)
				}
			}
		})
	}
}
