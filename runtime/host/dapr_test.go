package host_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/runtime/host"
	"github.com/weftmesh/weft/runtime/internal/adapt"
)

// A Dapr sidecar calls its app with the app's token in a header of its own, and
// routes nothing.
func TestSidecar(t *testing.T) {
	emits := func(ctx context.Context) error { return fn.Emit(ctx, "next", 1) }
	takes := adapt.CloudEvent("take", func(ctx context.Context, _ event.Event) error { return emits(ctx) })
	serves := adapt.HTTP("take", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := emits(r.Context()); err != nil {
			t.Error(err)
		}
		_, _ = w.Write([]byte(`{"status":"SUCCESS"}`))
	}))
	with := func(token string) func(method, path, body string, more ...string) *http.Request {
		return func(method, path, body string, more ...string) *http.Request {
			return request(method, path, body, append(more, "dapr-api-token", token)...)
		}
	}
	sidecar, stranger := with("s3cret"), with("guessed")
	topic := []string{"Content-Type", "application/cloudevents+json"}
	cases := map[string]struct {
		reason   string
		function host.Function
		request  *http.Request
		sink     *fakeSink
		status   int
		body     string
		posted   []string
	}{
		"event":              {"what is emitted goes to the sink", takes, sidecar("POST", "/orders", envelope, topic...), &fakeSink{status: 202}, 204, ``, []string{"next 7/0 1"}},
		"event, HTTP":        {"of HTTP handlers too, which speak Dapr's words", serves, sidecar("POST", "/orders", envelope, topic...), &fakeSink{status: 202}, 200, `{"status":"SUCCESS"}`, []string{"next 7/0 1"}},
		"full":               {"the event comes again", takes, sidecar("POST", "/orders", envelope, topic...), &fakeSink{status: 503}, 503, `{"error":"emit to next: the sink answered 503: Service Unavailable"}`, nil},
		"stranger":           {"a wrong token is none", takes, stranger("POST", "/orders", envelope, topic...), &fakeSink{status: 202}, 403, `{"error":"deliveries need the function's token in the header Weft-Token, or from a Dapr sidecar in Dapr-Api-Token"}`, nil},
		"binding":            {"an input binding posts plainly", adapt.Typed("take", func(ctx context.Context, _ struct{ N int }) (struct{}, error) { return struct{}{}, emits(ctx) }), sidecar("POST", "/queue", `{"n":1}`, "Content-Type", "application/json", "Weft-Event-Id", "b1"), &fakeSink{status: 202}, 200, `{}`, []string{"next b1/0 1"}},
		"settings":           {"a Func has none of Dapr's", takes, sidecar("GET", "/dapr/config", ""), nil, 404, `{"error":"the function's mesh says what it wants of Dapr"}`, nil},
		"subscriptions":      {"nor subscriptions", takes, sidecar("GET", "/dapr/subscribe", ""), nil, 404, `{"error":"the function's mesh says what it wants of Dapr"}`, nil},
		"wants binding":      {"405 would mean yes", takes, sidecar("OPTIONS", "/queue", ""), nil, 404, `{"error":"the function's mesh says what it wants of Dapr"}`, nil},
		"OPTIONS of others":  {"nobody else is told so", takes, request("OPTIONS", "/queue", ""), nil, 405, `{"error":"the function takes POST, PUT, PATCH, DELETE, not OPTIONS"}`, nil},
		"without a sidecar":  {"sidecars have no token where the app asks none", takes, request("GET", "/dapr/config", ""), nil, 404, `{"error":"the function's mesh says what it wants of Dapr"}`, nil},
		"subscriptions, own": {"HTTP handlers answer for themselves", adapt.HTTP("take", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.URL.Path)) })), sidecar("GET", "/dapr/subscribe", ""), nil, 200, `/dapr/subscribe`, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			opts := host.Options{Sink: sinkURL}
			if tc.sink != nil {
				opts.Transport = tc.sink
			}
			h, _ := newHost(t, opts, tc.function)
			w := do(h, tc.request)
			if got := strings.TrimSpace(w.Body.String()); w.Code != tc.status || got != tc.body {
				t.Errorf("%s: %d %s, want %d %s", tc.reason, w.Code, got, tc.status, tc.body)
			}
			var posted []string
			if tc.sink != nil && tc.sink.status == 202 {
				for i := range tc.sink.events {
					posted = append(posted, line(&tc.sink.events[i]))
				}
			}
			if diff := cmp.Diff(tc.posted, posted); diff != "" {
				t.Errorf("%s: posted (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
