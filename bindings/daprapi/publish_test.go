package daprapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dapr/components-contrib/pubsub"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// event takes the next message as a CloudEvent, without what differs each time.
func event(t *testing.T, messages <-chan *pubsub.NewMessage) map[string]any {
	t.Helper()
	m := <-messages
	var e map[string]any
	if err := json.Unmarshal(m.Data, &e); err != nil {
		t.Fatalf("%s: %v", m.Data, err)
	}
	if id, ok := e["id"].(string); !ok || id == "" {
		t.Errorf("an event without id: %s", m.Data)
	}
	if at, _ := e["time"].(string); at != "" {
		if _, err := time.Parse(time.RFC3339, at); err != nil {
			t.Errorf("time: %v", err)
		}
	}
	delete(e, "time")
	return e
}

func TestPublish(t *testing.T) {
	h := start(t)
	messages := h.subscribe("placed")
	base := func(more map[string]any) map[string]any {
		e := map[string]any{
			"specversion": "1.0", "source": "test-place-order", "type": "com.dapr.event.sent", "topic": "placed", "pubsubname": "events",
			"traceid": parent, "traceparent": parent, "tracestate": "",
		}
		for k, v := range more {
			e[k] = v
		}
		return e
	}
	for name, tc := range map[string]struct {
		reason, query, contentType, body string
		want                             map[string]any
	}{
		"json":   {"JSON is data", "", "application/json", `{"n":1}`, base(map[string]any{"datacontenttype": "application/json", "data": map[string]any{"n": 1.0}})},
		"text":   {"text is a string", "", "text/plain", "hello", base(map[string]any{"datacontenttype": "text/plain", "data": "hello"})},
		"bytes":  {"bytes are base64", "", "application/octet-stream", "\xff", base(map[string]any{"datacontenttype": "application/octet-stream", "data_base64": "/w=="})},
		"broken": {"what claims to be JSON stays a string", "", "application/json", `{`, base(map[string]any{"datacontenttype": "application/json", "data": "{"})},
		"overrides": {
			"metadata sets attributes, in any case", "?metadata.cloudevent.source=shop&metadata.cloudevent.Type=placed&metadata.cloudevent.subject=o-1&metadata.cloudevent.traceid=x", "text/plain", "x",
			base(map[string]any{"datacontenttype": "text/plain", "data": "x", "source": "shop", "type": "placed", "subject": "o-1", "traceid": "x", "traceparent": "x"}),
		},
		"cloudevent": {
			"a CloudEvent is kept", "", "application/cloudevents+json", `{"id":"1","source":"me","type":"mine","specversion":"1.0","data":5,"ext":"e"}`,
			base(map[string]any{"source": "me", "type": "mine", "data": 5.0, "ext": "e"}),
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := h.do(orders, "POST", "/v1.0/publish/events/placed"+tc.query, tc.body, "Content-Type", tc.contentType, "traceparent", parent)
			if got.Status != http.StatusNoContent {
				t.Fatal(got)
			}
			overHTTP := event(t, messages)
			delete(overHTTP, "id")
			if diff := cmp.Diff(tc.want, overHTTP); diff != "" {
				t.Errorf("over HTTP: %s: %s", tc.reason, diff)
			}
			meta := map[string]string{}
			for _, pair := range strings.Split(strings.TrimPrefix(tc.query, "?"), "&") {
				if k, v, ok := strings.Cut(pair, "="); ok {
					meta[strings.TrimPrefix(k, "metadata.")] = v
				}
			}
			c, ctx := h.raw(orders)
			ctx = metadata.AppendToOutgoingContext(ctx, "traceparent", parent)
			if _, err := c.PublishEvent(ctx, &runtimev1.PublishEventRequest{
				PubsubName: "events", Topic: "placed", Data: []byte(tc.body), DataContentType: tc.contentType, Metadata: meta,
			}); err != nil {
				t.Fatal(err)
			}
			overGRPC := event(t, messages)
			delete(overGRPC, "id")
			if diff := cmp.Diff(tc.want, overGRPC); diff != "" {
				t.Errorf("over gRPC: %s: %s", tc.reason, diff)
			}
		})
	}
}

func TestPublishMore(t *testing.T) {
	h := start(t)
	messages := h.subscribe("a/b")
	if got := h.do(orders, "POST", "/v1.0/publish/events/a/b?metadata.rawPayload=true", "raw"); got.Status != http.StatusNoContent {
		t.Fatal(got)
	}
	if m := <-messages; string(m.Data) != "raw" {
		t.Errorf("a raw payload goes as it is: %s", m.Data)
	}
	c := h.client(orders)
	if err := c.PublishEvent(context.Background(), "events", "a/b", "x", client.PublishEventWithRawPayload()); err != nil {
		t.Fatal(err)
	}
	if m := <-messages; string(m.Data) != "x" || !validTraceParent(m.Metadata["traceid"]) {
		t.Errorf("a raw payload over gRPC has its trace beside it: %s %v", m.Data, m.Metadata)
	}
	if got := h.do(orders, "POST", "/v1.0/publish/events/a/b?metadata.ttlInSeconds=60", "x"); got.Status != http.StatusNoContent {
		t.Fatal(got)
	}
	e := event(t, messages)
	if e["expiration"] == nil {
		t.Errorf("an event with a time to live expires: %v", e)
	}
	if p, _ := e["traceparent"].(string); !validTraceParent(p) {
		t.Errorf("an event without a caller's trace begins one: %v", e["traceparent"])
	}
}

func TestBulkPublish(t *testing.T) {
	h := start(t)
	messages := h.subscribe("placed")
	got := h.do(orders, "POST", "/v1.0/publish/bulk/events/placed?metadata.cloudevent.source=bulk", `[
		{"entryId":"1","event":{"id":9007199254740993},"contentType":"application/json","metadata":{"cloudevent.type":"one"}},
		{"entryId":"2","event":"text","contentType":"text/plain"},
		{"entryId":"3","event":"/w==","contentType":"application/octet-stream"}]`, "traceparent", parent)
	if got.Status != http.StatusNoContent {
		t.Fatal(got)
	}
	type seen struct {
		Source, Type, Data string
	}
	var all []seen
	spans := map[any]bool{}
	for range 3 {
		e := event(t, messages)
		data, _ := json.Marshal(e["data"])
		if e["data"] == nil {
			data = []byte(e["data_base64"].(string))
		}
		all = append(all, seen{e["source"].(string), e["type"].(string), string(data)})
		if p := e["traceparent"].(string); p[:36] != parent[:36] {
			t.Errorf("each event is of the caller's trace: %s", p)
		}
		spans[e["traceparent"]] = true
	}
	want := map[seen]bool{
		{"bulk", "one", `{"id":9007199254740992}`}: true, {"test-place-order", "com.dapr.event.sent", `"text"`}: true, {"test-place-order", "com.dapr.event.sent", "/w=="}: true,
	}
	for _, s := range all {
		if !want[s] {
			t.Errorf("unexpected %v, want of %v", s, want)
		}
	}
	if len(spans) != 3 {
		t.Errorf("each event has a span of its own: %v", spans)
	}

	resp := h.client(orders).PublishEvents(context.Background(), "events", "placed", []any{"x", "y"})
	if resp.Error != nil || len(resp.FailedEvents) != 0 {
		t.Errorf("over the go-sdk: %+v", resp)
	}
	event(t, messages)
	event(t, messages)

	got = h.do(orders, "POST", "/v1.0/publish/bulk/failing/placed", `[{"entryId":"1","event":"x","contentType":"text/plain"}]`)
	if want := `{"failedEntries":[{"entryId":"1","error":"connection refused"}],"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE"}`; got.Status != 500 || got.Body != want {
		t.Errorf("a broker that takes nothing: %v, want %s", got, want)
	}
}

func TestPublishFaults(t *testing.T) {
	h := start(t)
	for name, tc := range map[string]struct {
		reason                 string
		function, pubsub, path string
		topic                  string
		metadata               map[string]string
		grpc                   codes.Code
		status                 int
		code, message          string
	}{
		"unknown":   {"not in the mesh", orders, "nope", "/v1.0/publish/nope/t", "t", nil, codes.InvalidArgument, 404, "ERR_PUBSUB_NOT_FOUND", "pubsub nope is not found"},
		"unseen":    {"guest is not in its scopes", guest, "events", "/v1.0/publish/events/t", "t", nil, codes.InvalidArgument, 404, "ERR_PUBSUB_NOT_FOUND", "pubsub events is not found"},
		"metadata":  {"rawPayload is a bool", orders, "events", "/v1.0/publish/events/t?metadata.rawPayload=maybe", "t", map[string]string{"rawPayload": "maybe"}, codes.InvalidArgument, 400, "ERR_PUBSUB_REQUEST_METADATA", "failed deserializing metadata. Error: rawPayload value must be a valid boolean: actual is 'maybe'"},
		"scope":     {"pricing publishes prices only", pricing, "events", "/v1.0/publish/events/placed", "placed", nil, codes.PermissionDenied, 403, "ERR_PUBSUB_FORBIDDEN", "topic placed is not allowed for app id test-pricing"},
		"links":     {"links of the mesh are not for publishing", orders, "events", "/v1.0/publish/events/weft.shop.test.pricing", "weft.shop.test.pricing", nil, codes.PermissionDenied, 403, "ERR_PUBSUB_FORBIDDEN", "topic weft.shop.test.pricing is not allowed for app id test-place-order: topics that begin with weft."},
		"broker":    {"the broker's error is told", orders, "failing", "/v1.0/publish/failing/t", "t", nil, codes.Internal, 500, "ERR_PUBSUB_PUBLISH_MESSAGE", "error when publishing to topic t in pubsub failing: connection refused"},
		"bulk link": {"neither in bulk", orders, "events", "/v1.0/publish/bulk/events/weft.x", "weft.x", nil, codes.PermissionDenied, 403, "ERR_PUBSUB_FORBIDDEN", "topic weft.x is not allowed for app id test-place-order"},
	} {
		t.Run(name, func(t *testing.T) {
			got := h.do(tc.function, "POST", tc.path, "[]")
			var e struct{ Message string }
			_ = json.Unmarshal([]byte(got.Body), &e)
			if got.Status != tc.status || got.errorCode() != tc.code || !strings.HasPrefix(e.Message, tc.message) {
				t.Errorf("%s: got %d %s, want %d %s %q", tc.reason, got.Status, got.Body, tc.status, tc.code, tc.message)
			}
			c, ctx := h.raw(tc.function)
			_, err := c.PublishEvent(ctx, &runtimev1.PublishEventRequest{PubsubName: tc.pubsub, Topic: tc.topic, Metadata: tc.metadata})
			if st := status.Convert(err); st.Code() != tc.grpc || !strings.HasPrefix(st.Message(), tc.message) {
				t.Errorf("%s: over gRPC: got %v, want %v %q", tc.reason, st, tc.grpc, tc.message)
			}
		})
	}
	c, ctx := h.raw(orders)
	for name, tc := range map[string]struct {
		in      *runtimev1.PublishEventRequest
		message string
	}{
		"no pubsub": {&runtimev1.PublishEventRequest{Topic: "t"}, "pubsub name is empty"},
		"no topic":  {&runtimev1.PublishEventRequest{PubsubName: "events"}, "topic is empty in pubsub events"},
		"no event":  {&runtimev1.PublishEventRequest{PubsubName: "events", Topic: "t", DataContentType: "application/cloudevents+json", Data: []byte("{")}, "cannot create cloudevent"},
	} {
		_, err := c.PublishEvent(ctx, tc.in)
		if st := status.Convert(err); st.Code() != codes.InvalidArgument || !strings.HasPrefix(st.Message(), tc.message) {
			t.Errorf("%s: got %v, want %q", name, st, tc.message)
		}
	}
	for name, tc := range map[string]struct{ body, code string }{
		"no list":        {"{", "ERR_PUBSUB_EVENTS_SER"},
		"no id":          {`[{"event":"x","contentType":"text/plain"}]`, "ERR_PUBSUB_EVENTS_SER"},
		"id twice":       {`[{"entryId":"1","event":"x","contentType":"text/plain"},{"entryId":"1","event":"x","contentType":"text/plain"}]`, "ERR_PUBSUB_EVENTS_SER"},
		"no base64":      {`[{"entryId":"1","event":"!","contentType":"application/octet-stream"}]`, "ERR_PUBSUB_EVENTS_SER"},
		"not a text":     {`[{"entryId":"1","event":1,"contentType":"text/plain"}]`, "ERR_PUBSUB_EVENTS_SER"},
		"no contentType": {`[{"entryId":"1","event":1}]`, "ERR_PUBSUB_EVENTS_SER"},
	} {
		if got := h.do(orders, "POST", "/v1.0/publish/bulk/events/t", tc.body); got.Status != 400 || got.errorCode() != tc.code {
			t.Errorf("%s: got %v, want 400 %s", name, got, tc.code)
		}
	}
}
