package dataplane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/bindings/daprapi/contract"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

const triggeredMesh = `
apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: shop}
spec:
  functions:
    - {name: ingestOrder, triggers: [{type: pubsub, component: bus, topic: orders}]}
    - {name: validateInventory, triggers: [{type: binding, component: queue}]}
    - {name: notifyUser, triggers: [{type: binding, component: queue}, {type: binding, component: clock}]}
  connections:
    - {from: ingestOrder, to: validateInventory}
  broker: nats
  components:
    - {name: nats, type: pubsub.jetstream, metadata: [{name: natsURL, value: "%s"}]}
    - {name: bus, type: pubsub.in-memory, version: v1}
    - {name: queue, type: bindings.rabbitmq, version: v1, metadata: [{name: route, value: /from-queue}]}
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
	if strings.HasSuffix(e.Type(), ".input") {
		id = e.Source()
	}
	q.got = append(q.got, fmt.Sprintf("%s: %s %s %s", f.Name, id, e.DataContentType(), e.Data()))
	return e.Validate()
}

func TestSidecarOfTheFront(t *testing.T) {
	c := newCluster(t, "knative", nil)
	c.write("mesh/mesh.yaml", fmt.Sprintf(triggeredMesh, c.nats))
	plan, err := readMesh(filepath.Join(c.dir, "mesh"))
	if err != nil {
		t.Fatal(err)
	}
	o := c.options(RoleFront)
	if _, err := newSidecar(plan, nil, o); err == nil || !strings.Contains(err.Error(), "shop-tokens must have the key front") {
		t.Errorf("without its token: %v", err)
	}
	c.write("tokens/front", "token-of-front\n")
	const topicEvent = `{"specversion":"1.0","id":"7","source":"shop","type":"com.dapr.event.sent","topic":"orders","pubsubname":"bus","datacontenttype":"application/json","data":{"n":1}}`
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
		"topic":         {"an event goes into the queue", "POST", "/topics/ingest-order", topicEvent, "application/cloudevents+json", "token-of-front", nil, 200, `{"status":"SUCCESS"}`, []string{`ingestOrder: 7 application/json {"n":1}`}, ""},
		"full":          {"it comes again", "POST", "/topics/ingest-order", topicEvent, "application/cloudevents+json", "token-of-front", delivery.ErrQueueFull, 200, `{"status":"RETRY"}`, nil, "comes again"},
		"away":          {"so it does without a broker", "POST", "/topics/ingest-order", topicEvent, "application/cloudevents+json", "token-of-front", errors.New("no connection"), 200, `{"status":"RETRY"}`, nil, "no connection"},
		"large":         {"no try helps", "POST", "/topics/ingest-order", topicEvent, "application/cloudevents+json", "token-of-front", delivery.ErrTooLarge, 200, `{"status":"DROP"}`, nil, "is dropped"},
		"no event":      {"nor here", "POST", "/topics/ingest-order", `{}`, "application/cloudevents+json", "token-of-front", nil, 200, `{"status":"DROP"}`, nil, "is dropped"},
		"stranger":      {"only the sidecar knows the token", "POST", "/topics/ingest-order", topicEvent, "application/cloudevents+json", "token-of-notify-user", nil, 403, "only the front's own Dapr sidecar may call this", nil, ""},
		"no trigger":    {"a function without the trigger has no topic", "POST", "/topics/notify-user", topicEvent, "application/cloudevents+json", "token-of-front", nil, 404, "next", nil, ""},
		"method":        {"events are posted", "GET", "/topics/ingest-order", "", "", "token-of-front", nil, 405, "GET is not served here", nil, ""},
		"asks":          {"it wants the binding of its triggers", "OPTIONS", "/from-queue", "", "", "token-of-front", nil, 204, "", nil, ""},
		"asks more":     {"and no other", "OPTIONS", "/other", "", "", "token-of-front", nil, 404, "next", nil, ""},
		"binding":       {"each function that it triggers has the event", "POST", "/from-queue", `{"n":1}`, "application/json", "token-of-front", nil, 204, "", []string{`validateInventory: /default/shop/bindings/queue application/json {"n":1}`, `notifyUser: /default/shop/bindings/queue application/json {"n":1}`}, ""},
		"binding, text": {"daprd says JSON of whatever it is", "POST", "/from-queue", "\x00\x01", "application/json", "token-of-front", nil, 204, "", []string{"validateInventory: /default/shop/bindings/queue application/octet-stream \x00\x01", "notifyUser: /default/shop/bindings/queue application/octet-stream \x00\x01"}, ""},
		"binding, none": {"a tick has no data", "POST", "/clock", "", "application/json", "token-of-front", nil, 204, "", []string{"notifyUser: /default/shop/bindings/clock  "}, ""},
		"binding, full": {"it is for the binding to come again", "POST", "/clock", "", "application/json", "token-of-front", delivery.ErrQueueFull, 503, "queue is full", nil, "not taken"},
		"rest":          {"everything else is the sink's", "GET", "/dapr/subscribe", "", "", "token-of-front", nil, 404, "next", nil, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			o := o
			o.Logger = slog.New(slog.NewTextHandler(&log, nil))
			q := &queued{err: tc.err}
			s, err := newSidecar(plan, q, o)
			if err != nil {
				t.Fatal(err)
			}
			s.hold = time.Millisecond
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
		})
	}
}

// TestRealDaprdTopics: topics and an input binding reach functions by a real
// daprd beside the front, as Subscriptions and Components on a cluster have it.
func TestRealDaprdTopics(t *testing.T) {
	path := os.Getenv("WEFT_TEST_DAPRD")
	if path == "" {
		if os.Getenv("WEFT_REAL") == "1" {
			t.Fatal("WEFT_TEST_DAPRD names no daprd: make test-real builds one")
		}
		t.Skip("WEFT_TEST_DAPRD names no daprd: make test-real builds one")
	}
	c := newCluster(t, "knative", nil)
	c.write("mesh/mesh.yaml", fmt.Sprintf(triggeredMesh, c.nats))
	c.write("tokens/front", "token-of-front")
	t.Setenv("APP_API_TOKEN", "token-of-front")
	c.write("resources/bus.yaml", "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: bus}\nspec: {type: pubsub.in-memory, version: v1}\n")
	c.write("resources/clock.yaml", "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: clock}\n"+
		"spec: {type: bindings.cron, version: v1, metadata: [{name: schedule, value: \"@every 1s\"}]}\n")
	c.write("resources/orders.yaml", "apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata: {name: orders}\n"+
		"spec: {pubsubname: bus, topic: orders, routes: {default: /topics/ingest-order}}\n")
	at, _ := c.start(c.options(RoleFront))
	dapr := contract.Daprd{Path: path}.Start(t, contract.Setup{Dir: c.dir, App: &contract.App{URL: "http://" + at.Sink}})
	publish := func(n int) {
		req, _ := http.NewRequest(http.MethodPost, dapr.HTTP+"/v1.0/publish/bus/orders", strings.NewReader(fmt.Sprintf(`{"n":%d}`, n)))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("dapr-api-token", dapr.Token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusNoContent {
			body, _ := io.ReadAll(resp.Body)
			t.Fatalf("publish: %d %s", resp.StatusCode, body)
		}
	}
	for n := range 20 {
		publish(n)
	}
	c.eventually("each message is handled, and what it brings sent on", func() bool {
		return c.distinct("ingest-order") == 20 && c.distinct("validate-inventory") >= 20
	})
	c.eventually("the clock ticks for its function", func() bool { return c.distinct("notify-user") >= 2 })

	// Messages that come while there is no broker wait for it.
	c.stopNATS()
	c.eventually("the front is not ready", func() bool { return !c.ready(at) })
	publish(20)
	c.restartNATS(c.storeDir)
	c.eventually("the message of the outage is handled", func() bool { return c.distinct("ingest-order") == 21 })
}
