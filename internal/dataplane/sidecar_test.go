package dataplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/internal/telemetry"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

const triggeredMesh = `
apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: shop}
spec:
  functions:
    - {name: ingestOrder, image: example.com/a, triggers: [{type: pubsub, component: bus, topic: orders}]}
    - {name: validateInventory, image: example.com/a, triggers: [{type: pubsub, component: bus, topic: orders}, {type: binding, component: queue}]}
    - name: notifyUser
      image: example.com/a
      triggers: [{type: binding, component: queue}, {type: binding, component: clock}, {type: pubsub, component: bus, topic: "mail/#"}]
  connections:
    - {from: ingestOrder, to: validateInventory}
  broker: nats
  components:
    - {name: nats, type: pubsub.jetstream, metadata: [{name: natsURL, value: "%s"}]}
    - {name: bus, type: pubsub.rabbitmq, version: v1, metadata: [{name: connectionString, value: "%s"},
        {name: durable, value: "true"}, {name: deletedWhenUnused, value: "false"}]}
    - {name: queue, type: bindings.rabbitmq, version: v1, metadata: [{name: route, value: /from-queue}, {name: queueName, value: q}, {name: host, value: "%[2]s"}]}
    - {name: clock, type: bindings.cron, version: v1, metadata: [{name: schedule, value: "@every 1s"}]}
`

// queued keeps what is put into queues, as "function: id data", and fails as it
// is told to.
type queued struct {
	got []string
	err error
}

func (q *queued) Enqueue(_ context.Context, f *mesh.Function, e *event.Event) error {
	if q.err != nil {
		return q.err
	}
	id := e.ID()
	if e.Type() == "shop.input" || e.Type() == "shop.message" {
		id = e.Source()
	}
	q.got = append(q.got, fmt.Sprintf("%s: %s %s %s", f.Name, id, e.DataContentType(), e.Data()))
	return e.Validate()
}

func TestSidecarOfTheFront(t *testing.T) {
	c := newCluster(t, "knative", nil)
	c.write("mesh/mesh.yaml", fmt.Sprintf(triggeredMesh, c.nats, "amqp://r"))
	plan, err := readMesh(filepath.Join(c.dir, "mesh"))
	if err != nil {
		t.Fatal(err)
	}
	o := c.options(RoleFront)
	if _, err := newSidecar(plan, nil, telemetry.NewRecorder(plan), o); err == nil || !strings.Contains(err.Error(), "shop-tokens must have the key front") {
		t.Errorf("without its token: %v", err)
	}
	c.write("tokens/front", "token-of-front\n")
	const (
		mine       = "token-of-front"
		asEvent    = "application/cloudevents+json"
		topicEvent = `{"specversion":"1.0","id":"7","source":"shop","type":"com.dapr.event.sent","topic":"orders","pubsubname":"bus","datacontenttype":"application/json","data":{"n":1}}`
		oddEvent   = `{"specversion":"1.0","id":"7","source":"shop","type":"t","user_id":4,"data":{"n":1}}`
		success    = `{"status":"SUCCESS"}`
		source     = "/default/shop/"
	)
	down := errors.New("no connection")
	cases := map[string]struct {
		reason             string
		method, path, body string
		contentType, token string
		err                error
		status             int
		answer             string
		want               []string
		logged             string
	}{
		"topic":           {"a message goes into the queue of each function that has the topic", "POST", "/topics/bus/orders", topicEvent, asEvent, mine, nil, 200, success, []string{`ingestOrder: 7 application/json {"n":1}`, `validateInventory: 7 application/json {"n":1}`}, ""},
		"no event":        {"who publishes without Dapr sends what he likes", "POST", "/topics/bus/orders", `{"n":1}`, asEvent, mine, nil, 200, success, []string{"ingestOrder: " + source + `bus/orders application/json {"n":1}`, "validateInventory: " + source + `bus/orders application/json {"n":1}`}, ""},
		"odd event":       {"an event that breaks the rules is not lost", "POST", "/topics/bus/orders", oddEvent, asEvent, mine, nil, 200, success, []string{"ingestOrder: " + source + "bus/orders application/json " + oddEvent, "validateInventory: " + source + "bus/orders application/json " + oddEvent}, ""},
		"bytes":           {"nor are bytes", "POST", "/topics/bus/orders", "\x00", asEvent, mine, nil, 200, success, []string{"ingestOrder: " + source + "bus/orders application/octet-stream \x00", "validateInventory: " + source + "bus/orders application/octet-stream \x00"}, ""},
		"full":            {"it comes again", "POST", "/topics/bus/orders", topicEvent, asEvent, mine, delivery.ErrQueueFull, 200, `{"status":"RETRY"}`, nil, "they come again"},
		"away":            {"so it does without a broker", "POST", "/topics/bus/orders", topicEvent, asEvent, mine, down, 200, `{"status":"RETRY"}`, nil, "no connection"},
		"large":           {"no try helps", "POST", "/topics/bus/orders", topicEvent, asEvent, mine, delivery.ErrTooLarge, 200, `{"status":"DROP"}`, nil, "is dropped"},
		"larger":          {"nor with what is not even read", "POST", "/topics/bus/orders", strings.Repeat(" ", maxMessage+1), asEvent, mine, nil, 200, `{"status":"DROP"}`, nil, "is dropped"},
		"stranger":        {"only the sidecar knows the token", "POST", "/topics/bus/orders", topicEvent, asEvent, "token-of-notify-user", nil, 403, "only the front's own Dapr sidecar may call this", nil, ""},
		"nobody":          {"none is no token", "POST", "/topics/bus/orders", topicEvent, asEvent, "", nil, 403, "only the front's own Dapr sidecar may call this", nil, ""},
		"stranger, input": {"a binding is no less guarded", "POST", "/clock", "", "", "", nil, 403, "only the front's own Dapr sidecar may call this", nil, ""},
		"no trigger":      {"a topic without a trigger is not there", "POST", "/topics/bus/other", topicEvent, asEvent, mine, nil, 404, "next", nil, ""},
		"method":          {"messages are posted", "GET", "/topics/bus/orders", "", "", mine, nil, 405, "GET is not served here", nil, ""},
		"asks":            {"it wants the binding of its triggers", "OPTIONS", "/from-queue", "", "", mine, nil, 204, "", nil, ""},
		"asks more":       {"and no other", "OPTIONS", "/other", "", "", mine, nil, 404, "next", nil, ""},
		"binding":         {"each function that it triggers has the event", "POST", "/from-queue", `{"n":1}`, "application/json", mine, nil, 200, "", []string{"validateInventory: " + source + `bindings/queue application/json {"n":1}`, "notifyUser: " + source + `bindings/queue application/json {"n":1}`}, ""},
		"binding, bytes":  {"daprd says JSON of whatever it is", "POST", "/from-queue", "\x00\x01", "application/json", mine, nil, 200, "", []string{"validateInventory: " + source + "bindings/queue application/octet-stream \x00\x01", "notifyUser: " + source + "bindings/queue application/octet-stream \x00\x01"}, ""},
		"binding, none":   {"a tick has no data", "POST", "/clock", "", "application/json", mine, nil, 200, "", []string{"notifyUser: " + source + "bindings/clock  "}, ""},
		"binding, full":   {"it is for the binding to come again", "POST", "/clock", "", "application/json", mine, delivery.ErrQueueFull, 503, "queue is full", nil, "they come again"},
		"binding, large":  {"what never fits must not hold up the rest", "POST", "/clock", "", "application/json", mine, delivery.ErrTooLarge, 200, "", nil, "is dropped"},
		"rest":            {"everything else is the sink's", "GET", "/dapr/subscribe", "", "", mine, nil, 404, "next", nil, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			o := o
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			q := &queued{err: tc.err}
			recorder := telemetry.NewRecorder(plan)
			s, err := newSidecar(plan, q, recorder, o)
			if err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(tc.method, tc.path, strings.NewReader(tc.body))
			r.Header.Set("Content-Type", tc.contentType)
			r.Header.Set("dapr-api-token", tc.token)
			w := httptest.NewRecorder()
			s.before(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "next", http.StatusNotFound) })).ServeHTTP(w, r)
			if got := strings.TrimSpace(w.Body.String()); w.Code != tc.status || got != tc.answer {
				t.Errorf("%s: %d %s, want %d %s", tc.reason, w.Code, got, tc.status, tc.answer)
			}
			if diff := cmp.Diff(tc.want, q.got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if !strings.Contains(log.String(), tc.logged) {
				t.Errorf("%s: the log does not say %q:\n%s", tc.reason, tc.logged, &log)
			}
			for path, input := range map[string]string{"/topics/bus/orders": "bus/orders", "/clock": "clock"} {
				dropped := 0
				if tc.logged == "is dropped" && path == tc.path {
					dropped = 1
				}
				scraped := httptest.NewRecorder()
				recorder.Handler().ServeHTTP(scraped, httptest.NewRequest("GET", "/metrics", nil))
				if want := fmt.Sprintf("mesh_messages_dropped_total{input=%q,mesh=\"shop\"} %d\n", input, dropped); !strings.Contains(scraped.Body.String(), want) {
					t.Errorf("%s: the metrics do not have %s", tc.reason, want)
				}
			}
		})
	}
}
