package subscriptions

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/dapr/components-contrib/pubsub"
	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh/source"
)

func mustCompile(t testing.TB, a asked) *want {
	t.Helper()
	w, err := compile(a)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestRead(t *testing.T) {
	rules := []source.SubscriptionRule{
		{Match: `event.type == "x"`, Path: "/x"},
		{Match: `has(event.data) && event.data.total > 100.0`, Path: "/big"},
		{Match: `event.missing == "y"`, Path: "/y"},
	}
	octets := "application/octet-stream"
	cases := map[string]struct {
		reason   string
		raw      bool
		bare     bool // no rules
		msg      pubsub.NewMessage
		path     string
		event    map[string]any
		body     string
		metadata map[string]string
		fails    string
	}{
		"first rule": {
			reason: "the event goes out as it came", msg: pubsub.NewMessage{Data: []byte(`{"type":"x", "id":"1"}`)},
			path: "/x", body: `{"type":"x", "id":"1"}`, event: map[string]any{"type": "x", "id": "1"},
			metadata: map[string]string{"pubsubName": "bus"},
		},
		"data": {
			reason: "rules see the data", msg: pubsub.NewMessage{Data: []byte(`{"type":"","data":{"total":200}}`)},
			path: "/big", body: `{"type":"","data":{"total":200}}`, event: map[string]any{"type": "", "data": map[string]any{"total": 200.0}},
			metadata: map[string]string{"pubsubName": "bus"},
		},
		"rule fails": {
			reason: "a rule about what is not there is an error, as with daprd", msg: pubsub.NewMessage{Data: []byte(`{"type":"z"}`)},
			body: `{"type":"z"}`, event: map[string]any{"type": "z"}, metadata: map[string]string{"pubsubName": "bus"}, fails: "no such key: missing",
		},
		"trace": {
			reason: "what the metadata tell of the trace fills up the event; a traceparent is the traceid too", bare: true,
			msg:  pubsub.NewMessage{Data: []byte(`{"traceid":"t"}`), Metadata: map[string]string{"traceparent": "p", "tracestate": "s", "traceid": "other"}},
			path: "/", body: `{"traceid":"t"}`, event: map[string]any{"traceid": "p", "traceparent": "p", "tracestate": "s"},
			metadata: map[string]string{"pubsubName": "bus", "traceparent": "p", "tracestate": "s", "traceid": "other"},
		},
		"own trace": {
			reason: "the event's own traceparent counts", bare: true,
			msg:  pubsub.NewMessage{Data: []byte(`{"traceparent":"t"}`), Metadata: map[string]string{"traceparent": "p"}},
			path: "/", body: `{"traceparent":"t"}`, event: map[string]any{"traceparent": "t"},
			metadata: map[string]string{"pubsubName": "bus", "traceparent": "p"},
		},
		"binary": {
			reason: "an event in binary mode is put together from the metadata for the rules; the body goes out as it came",
			msg:    pubsub.NewMessage{Data: []byte("\x00\x01"), ContentType: &octets, Metadata: map[string]string{"ce_type": "x", "CE_ID": "7"}},
			path:   "/x", body: "\x00\x01",
			event:    map[string]any{"type": "x", "id": "7", "data": []byte("\x00\x01"), "datacontenttype": octets},
			metadata: map[string]string{"pubsubName": "bus", "ce_type": "x", "CE_ID": "7", "content-type": octets},
		},
		"null": {
			reason: "null is an event without attributes", bare: true,
			msg:  pubsub.NewMessage{Data: []byte(`null`), Metadata: map[string]string{"traceid": "t"}},
			path: "/", body: "null", event: map[string]any{"traceid": "t"}, metadata: map[string]string{"pubsubName": "bus", "traceid": "t"},
		},
		"no JSON": {
			reason: "without rawPayload a message must be an event", bare: true, msg: pubsub.NewMessage{Data: []byte(`hello`)},
			body: "hello", metadata: map[string]string{"pubsubName": "bus"}, fails: "invalid character",
		},
		"expired": {
			reason: "an event older than its time to live is dropped", bare: true, msg: pubsub.NewMessage{Data: []byte(`{"expiration":"2020-01-01T00:00:00Z"}`)},
			body: `{"expiration":"2020-01-01T00:00:00Z"}`, event: map[string]any{"expiration": "2020-01-01T00:00:00Z"},
			metadata: map[string]string{"pubsubName": "bus"}, fails: errExpired.Error(),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := asked{pubsub: "bus", topic: "t", rules: rules}
			if tc.bare {
				a.rules, a.fallback = nil, "/"
			}
			w := mustCompile(t, a)
			in := tc.msg
			got, err := w.read(&in)
			if tc.fails == "" && err != nil || tc.fails != "" && (err == nil || !strings.Contains(err.Error(), tc.fails)) {
				t.Fatalf("%s: error %v, want %q", tc.reason, err, tc.fails)
			}
			want := &message{NewMessage: tc.msg, PubSub: "bus", Event: tc.event, Body: []byte(tc.body), Path: tc.path}
			want.Topic, want.Metadata = "t", tc.metadata
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.msg, in); diff != "" {
				t.Errorf("what the component shares with others was altered:\n%s", diff)
			}
		})
	}
}

func TestReadRaw(t *testing.T) {
	w := mustCompile(t, asked{pubsub: "bus", topic: "t", fallback: "/", metadata: map[string]string{"rawPayload": "true"}})
	got, err := w.read(&pubsub.NewMessage{Data: []byte("hello"), Topic: "t", Metadata: map[string]string{"traceparent": "p"}})
	if err != nil {
		t.Fatal(err)
	}
	id, _ := got.Event["id"].(string)
	if id == "" {
		t.Error("the event has no id")
	}
	want := map[string]any{
		"id": id, "specversion": "1.0", "datacontenttype": "application/octet-stream", "source": "Dapr", "type": "com.dapr.event.sent",
		"topic": "t", "pubsubname": "bus", "data_base64": "aGVsbG8=", "traceparent": "p", "traceid": "p",
	}
	if diff := cmp.Diff(want, got.Event); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if string(got.Body) != mustJSON(want) {
		t.Errorf("body %s", got.Body)
	}
}

func TestHeaders(t *testing.T) {
	cases := map[string]struct {
		reason   string
		metadata map[string]string
		want     http.Header
	}{
		"plain": {
			"metadata are headers", map[string]string{"pubsubName": "bus", "Topic": "t", "traceparent": "p"},
			http.Header{"Pubsubname": {"bus"}, "Topic": {"t"}, "Traceparent": {"p"}},
		},
		"connection": {
			"what is about a connection is not of the message, nor what it names", map[string]string{"Connection": "x-a, close", "X-A": "1", "TE": "gzip", "upgrade": "h2c"},
			http.Header{},
		},
		"body": {
			"the body has a type and length of its own", map[string]string{"content-type": "text/plain", "Content-Length": "3", "data-bin": "x", "host": "h"},
			http.Header{},
		},
		"gRPC":     {"gRPC's own names are set apart", map[string]string{"grpc-timeout": "1"}, http.Header{"Dapr-Grpc-Timeout": {"1"}}},
		"delivery": {"a message cannot pose as a delivery of the mesh", map[string]string{"Ce-Id": "1", "weft-token": "t", "ce_id": "1"}, http.Header{"Ce_id": {"1"}}},
		"invalid":  {"what is no header is left out", map[string]string{"a b": "1", "x": "a\nb", "": "1", "ü": "1"}, http.Header{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, headers(tc.metadata)); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestCleanPath(t *testing.T) {
	cases := map[string]struct{ route, want string }{
		"bare": {"orders", "/orders"}, "slash": {"/orders", "/orders"}, "behind": {"/orders/", "/orders"},
		"root": {"/", "/"}, "empty": {"", "/"}, "query": {"/a?b=c", "/a?b=c"}, "dots": {"/a/../../b", "/b"},
		"host": {"//evil/x", "/evil/x"}, "scheme": {"http://evil/x", "/http:/evil/x"}, "space": {"/a b", "/a%20b"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got, err := cleanPath(tc.route); err != nil || got != tc.want {
				t.Errorf("%q, %v, want %q", got, err, tc.want)
			}
		})
	}
	if _, err := cleanPath("/%zz"); err == nil {
		t.Error("a path that is none")
	}
}

func TestTopicEvent(t *testing.T) {
	cases := map[string]struct {
		reason string
		event  map[string]any
		data   string
		fails  bool
	}{
		"json":        {reason: "JSON is written as JSON", event: map[string]any{"datacontenttype": "application/json", "data": map[string]any{"a": 1}}, data: `{"a":1}`},
		"text":        {reason: "text is bytes", event: map[string]any{"datacontenttype": "text/plain", "data": "hello"}, data: "hello"},
		"base64":      {reason: "base64 is decoded", event: map[string]any{"data_base64": "aGk="}, data: "hi"},
		"bad base64":  {reason: "what is not base64 is an error", event: map[string]any{"data_base64": "!"}, fails: true},
		"odd base64":  {reason: "nor what is no string", event: map[string]any{"data_base64": 1}, fails: true},
		"text object": {reason: "text that is an object is an error", event: map[string]any{"datacontenttype": "text/plain", "data": map[string]any{}}, fails: true},
		"octets":      {reason: "bytes are bytes", event: map[string]any{"datacontenttype": "application/octet-stream", "data": []byte("x")}, data: "x"},
		"none":        {reason: "no data is no data", event: map[string]any{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.event["id"], tc.event["extra"] = "7", "more"
			got, err := topicEvent(&message{NewMessage: pubsub.NewMessage{Topic: "t"}, PubSub: "bus", Path: "/", Event: tc.event})
			if (err != nil) != tc.fails {
				t.Fatalf("%s: error %v", tc.reason, err)
			}
			if tc.fails {
				return
			}
			if string(got.Data) != tc.data || got.Id != "7" || got.Topic != "t" || got.PubsubName != "bus" || got.Path != "/" {
				t.Errorf("%s: %v", tc.reason, got)
			}
			if diff := cmp.Diff(map[string]any{"extra": "more"}, got.Extensions.AsMap()); diff != "" {
				t.Errorf("extensions, -want +got:\n%s", diff)
			}
		})
	}
}

func TestRoute(t *testing.T) {
	w := mustCompile(t, asked{pubsub: "bus", topic: "t", rules: []source.SubscriptionRule{{Match: "event", Path: "/x"}}})
	if _, err := route(w.rules, map[string]any{}); err == nil || errors.Is(err, errNoRoute) {
		t.Errorf("a rule that gives no bool: %v", err)
	}
}
