package wire

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
)

// sample is an event with everything that an event can have.
func sample() event.Event {
	e := event.New()
	e.SetID("order 1/äß%\"")
	e.SetSource("/default/orders/ingest-order")
	e.SetType("orders.ingestOrder.output")
	e.SetSubject("order-1")
	e.SetTime(time.Date(2026, 3, 4, 5, 6, 7, 800, time.UTC))
	e.SetDataSchema("https://example.com/order.json")
	e.SetExtension("weftfrom", "ingestOrder")
	e.SetExtension("weftattempt", 2)
	e.SetExtension("wefterror", "line one\nline two: 100 %")
	e.SetExtension("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	e.SetExtension("flag", true)
	e.SetDataContentType("application/json")
	e.DataEncoded = []byte(`{"orderId":"order-1"}`)
	return e
}

// attributes lists an event's attributes in canonical form, and its data.
func attributes(e *event.Event) map[string]string {
	out := map[string]string{
		"id": e.ID(), "source": e.Source(), "type": e.Type(), "subject": e.Subject(), "datacontenttype": e.DataContentType(),
		"dataschema": e.DataSchema(), "data": string(e.Data()),
	}
	if t := e.Time(); !t.IsZero() {
		out["time"] = t.UTC().Format(time.RFC3339Nano)
	}
	for name := range e.Extensions() {
		out["ext:"+name] = Extension(e, name)
	}
	return out
}

func TestRoundTrip(t *testing.T) {
	withData := func(contentType, data string) event.Event {
		e := sample()
		e.SetDataContentType(contentType)
		e.DataEncoded = []byte(data)
		return e
	}
	cases := map[string]struct {
		reason string
		event  event.Event
	}{
		"everything":    {"all attributes and extensions survive", sample()},
		"no data":       {"an event without data stays without", func() event.Event { e := sample(); e.DataEncoded = nil; return e }()},
		"text":          {"text is carried as a string", withData("text/plain; charset=utf-8", "häh \"quoted\"\n")},
		"bytes":         {"bytes are carried in base64", withData("application/octet-stream", "\x00\xff\xfe")},
		"broken JSON":   {"data that claims to be JSON and is not is carried as it is", withData("application/json", `{"a":`)},
		"JSON not text": {"JSON data that is no UTF-8 is carried as it is", withData("application/json", "\"\xff\"")},
		"problem+json":  {"a +json suffix is JSON", withData("application/problem+json", `{"a":[1,"]}"]}`)},
		"string":        {"a JSON string stays JSON", withData("application/json", `"plain"`)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := attributes(&tc.event)
			h := http.Header{}
			if err := WriteBinary(h, &tc.event); err != nil {
				t.Fatalf("WriteBinary: %v", err)
			}
			check := func(mode Mode, h http.Header, body []byte) {
				t.Helper()
				events, got, err := Read(h, body)
				if err != nil || got != mode || len(events) != 1 {
					t.Fatalf("%s: Read = %d events, mode %v, error %v", tc.reason, len(events), got, err)
				}
				if diff := cmp.Diff(want, attributes(&events[0])); diff != "" {
					t.Errorf("%s: %v mode: -want +got:\n%s", tc.reason, mode, diff)
				}
				if err := events[0].Validate(); err != nil {
					t.Errorf("%v mode: the SDK finds fault: %v", mode, err)
				}
			}
			check(Binary, h, tc.event.Data())
			b, err := MarshalStructured(&tc.event)
			if err != nil {
				t.Fatalf("MarshalStructured: %v", err)
			}
			check(Structured, http.Header{"Content-Type": {"application/cloudevents+json; charset=utf-8"}}, b)
			if b, err = MarshalBatch([]event.Event{tc.event}); err != nil {
				t.Fatalf("MarshalBatch: %v", err)
			}
			check(Batch, http.Header{"Content-Type": {"Application/CloudEvents-Batch+JSON"}}, b)
			if strings.HasSuffix(tc.event.DataContentType(), "+json") {
				return // the SDK does not know that +json is JSON (JSON event format, 3.1)
			}
			var sdk event.Event
			if b, _ = MarshalStructured(&tc.event); sdk.UnmarshalJSON(b) != nil {
				t.Errorf("the SDK cannot read %s", b)
			}
		})
	}
}

func TestReadBinary(t *testing.T) {
	full := func(more ...string) http.Header {
		h := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/s"}, "Ce-Type": {"t"}, "Content-Type": {"application/json"}}
		for i := 0; i+1 < len(more); i += 2 {
			h[more[i]] = append(h[more[i]], more[i+1])
		}
		return h
	}
	without := func(key string) http.Header { h := full(); h.Del(key); return h }
	cases := map[string]struct {
		reason string
		header http.Header
		want   map[string]string // attributes looked at
		err    string            // attribute named
	}{
		"plain":             {"the required attributes suffice", full(), map[string]string{"id": "1", "source": "/s", "type": "t"}, ""},
		"percent":           {"values are percent-decoded, in either case", full("Ce-Subject", "a%20b%c3%A4"), map[string]string{"subject": "a bä"}, ""},
		"stray percent":     {"a stray per cent sign stands for itself", full("Ce-Subject", "100%"), map[string]string{"subject": "100%"}, ""},
		"quoted":            {"a quoted string is unquoted", full("Ce-Subject", `"a \"b\""`), map[string]string{"subject": `a "b"`}, ""},
		"foreign extension": {"extensions are kept", full("Ce-Partitionkey", "k"), map[string]string{"ext:partitionkey": "k"}, ""},
		"version":           {"0.3 is refused", func() http.Header { h := full(); h.Set("Ce-Specversion", "0.3"); return h }(), nil, "specversion"},
		"no id":             {"id is required", without("Ce-Id"), nil, "id"},
		"no source":         {"source is required", without("Ce-Source"), nil, "source"},
		"no type":           {"type is required", without("Ce-Type"), nil, "type"},
		"bad time":          {"time is RFC 3339", full("Ce-Time", "yesterday"), nil, "time"},
		"bad source":        {"source is a URI reference", func() http.Header { h := full(); h.Set("Ce-Source", "http://[::1"); return h }(), nil, "source"},
		"relative schema":   {"dataschema is absolute", full("Ce-Dataschema", "/order"), nil, "dataschema"},
		"bad extension":     {"names are letters and digits", full("Ce-Order_id", "1"), nil, "order_id"},
		"empty extension":   {"names are not empty", full("Ce-", "1"), nil, ""},
		"twice":             {"an attribute is given once", full("Ce-Id", "2"), nil, "id"},
		"content type":      {"datacontenttype is the Content-Type", full("Ce-Datacontenttype", "text/plain"), nil, "datacontenttype"},
		"not UTF-8":         {"values are UTF-8", full("Ce-Subject", "%ff"), nil, "subject"},
		"empty subject":     {"a subject is not empty", full("Ce-Subject", ""), nil, "subject"},
		"reserved":          {"data is no extension", full("Ce-Data", "x"), nil, "data"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			events, mode, err := Read(tc.header, []byte(`{}`))
			if mode != Binary {
				t.Fatalf("mode %v, want binary", mode)
			}
			if tc.want == nil {
				var a *AttributeError
				if !errors.As(err, &a) || a.Attribute != tc.err {
					t.Fatalf("%s: error %v, want one of attribute %q", tc.reason, err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			got := attributes(&events[0])
			for k, want := range tc.want {
				if got[k] != want {
					t.Errorf("%s: %s = %q, want %q", tc.reason, k, got[k], want)
				}
			}
		})
	}
}

func TestReadJSON(t *testing.T) {
	const head = `{"specversion":"1.0","id":"1","source":"/s","type":"t"`
	cases := map[string]struct {
		reason      string
		contentType string
		body        string
		want        []string // data of the events
		err         string   // in the error's text
	}{
		"data":            {"data is raw JSON", "application/cloudevents+json", head + ` , "data" : {"a":[1, {"b":"}"}]} }`, []string{`{"a":[1, {"b":"}"}]}`}, ""},
		"base64":          {"data_base64 is decoded", "application/cloudevents+json", head + `,"data_base64":"AQI="}`, []string{"\x01\x02"}, ""},
		"text":            {"a string of another media type is its content", "application/cloudevents+json", head + `,"datacontenttype":"text/plain","data":"a\nb"}`, []string{"a\nb"}, ""},
		"text late":       {"whatever the order of members", "application/cloudevents+json", `{"data":"a","datacontenttype":"text/plain",` + head[1:] + `}`, []string{"a"}, ""},
		"null attribute":  {"null is as if absent", "application/cloudevents+json", head + `,"subject":null}`, []string{""}, ""},
		"escaped name":    {"names may be escaped", "application/cloudevents+json", `{"specversion":"1.0","\u0069d":"1","source":"/s","type":"t"}`, []string{""}, ""},
		"both":            {"data and data_base64 exclude each other", "application/cloudevents+json", head + `,"data":1,"data_base64":"AQI="}`, nil, "exclude"},
		"not base64":      {"data_base64 is checked", "application/cloudevents+json", head + `,"data_base64":"%"}`, nil, "base64"},
		"object ext":      {"extensions are scalar", "application/cloudevents+json", head + `,"a":{}}`, nil, `"a"`},
		"big number":      {"integers have 32 bits", "application/cloudevents+json", head + `,"a":4294967296}`, nil, `"a"`},
		"fraction":        {"numbers are integers", "application/cloudevents+json", head + `,"a":1.5}`, nil, `"a"`},
		"upper case":      {"names are lower case", "application/cloudevents+json", head + `,"orderId":"1"}`, nil, `"orderId"`},
		"id a number":     {"attributes are strings", "application/cloudevents+json", `{"specversion":"1.0","id":1,"source":"/s","type":"t"}`, nil, `"id"`},
		"twice":           {"members are given once", "application/cloudevents+json", head + `,"id":"2"}`, nil, `"id"`},
		"no version":      {"specversion is required", "application/cloudevents+json", `{"id":"1","source":"/s","type":"t"}`, nil, "specversion"},
		"array":           {"structured mode is one object", "application/cloudevents+json", `[]`, nil, "object"},
		"broken":          {"syntax errors name the byte", "application/cloudevents+json", `{"a":}`, nil, "at byte 6"},
		"empty":           {"an empty body is no JSON", "application/cloudevents+json", ``, nil, "JSON"},
		"trailing":        {"nothing follows the event", "application/cloudevents+json", head + `}}`, nil, "JSON"},
		"injection":       {"a content type must fit a header", "application/cloudevents+json", head + `,"datacontenttype":"text/plain\r\nX-Evil: 1"}`, nil, "datacontenttype"},
		"nested":          {"and not make binary mode another", "application/cloudevents+json", head + `,"datacontenttype":" Application/CloudEvents+json"}`, nil, "datacontenttype"},
		"year 10000":      {"a time is written in UTC, which has four digits for a year", "application/cloudevents+json", head + `,"time":"9999-12-31T23:59:59-12:00"}`, nil, "time"},
		"year -1":         {"and no sign", "application/cloudevents+json", head + `,"time":"0000-01-01T00:00:00+12:00"}`, nil, "time"},
		"not UTF-8":       {"JSON is UTF-8", "application/cloudevents+json", head + ",\"a\":\"\xff\"}", nil, "UTF-8"},
		"batch of none":   {"an empty batch is valid", "application/cloudevents-batch+json", ` [ ] `, nil, ""},
		"batch of two":    {"order is kept", "application/cloudevents-batch+json", `[` + head + `,"data":1},` + "\n" + head + `,"data":"2"}]`, []string{"1", `"2"`}, ""},
		"batch, bad one":  {"the error counts from 0", "application/cloudevents-batch+json", `[` + head + `},{"id":"2"}]`, nil, "CloudEvent 1 of the batch"},
		"batch of scalar": {"a batch holds objects", "application/cloudevents-batch+json", `[1]`, nil, "object"},
		"batch an object": {"a batch is an array", "application/cloudevents-batch+json", `{}`, nil, "array"},
		"protobuf":        {"other formats are refused", "application/cloudevents+protobuf", ``, nil, "unsupported"},
		"avro batch":      {"other batch formats are refused", "application/cloudevents-batch+avro", ``, nil, "unsupported"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			events, mode, err := Read(http.Header{"Content-Type": {tc.contentType}}, []byte(tc.body))
			if mode != Structured && mode != Batch {
				t.Fatalf("mode %v", mode)
			}
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("%s: error %v, want one with %q", tc.reason, err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			var got []string
			for i := range events {
				got = append(got, string(events[i].Data()))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: data -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestWriteRefuses(t *testing.T) {
	cases := map[string]struct {
		reason string
		event  func() event.Event
	}{
		"nothing":       {"an event needs a context", func() event.Event { return event.Event{} }},
		"no id":         {"id is required", func() event.Event { e := event.New(); e.SetType("t"); e.SetSource("/s"); return e }},
		"bad extension": {"names are lower case", func() event.Event { e := sample(); e.Context.(*event.EventContextV1).Extensions["a-b"] = "c"; return e }},
		"reserved":      {"id is no extension", func() event.Event { e := sample(); e.Context.(*event.EventContextV1).Extensions["id"] = "c"; return e }},
		"odd value": {"values have CloudEvents types", func() event.Event {
			e := sample()
			e.Context.(*event.EventContextV1).Extensions["a"] = struct{}{}
			return e
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			e := tc.event()
			var a *AttributeError
			if err := WriteBinary(http.Header{}, &e); !errors.As(err, &a) {
				t.Errorf("%s: WriteBinary: %v", tc.reason, err)
			}
			if _, err := MarshalBatch([]event.Event{e}); !errors.As(err, &a) || a.Index != 0 {
				t.Errorf("%s: MarshalBatch: %v", tc.reason, err)
			}
		})
	}
}

func TestModeOf(t *testing.T) {
	cases := map[string]struct {
		header http.Header
		want   Mode
	}{
		"nothing":     {http.Header{}, None},
		"JSON":        {http.Header{"Content-Type": {"application/json"}}, None},
		"binary":      {http.Header{"Ce-Specversion": {"1.0"}}, Binary},
		"structured":  {http.Header{"Content-Type": {"application/cloudevents+json"}}, Structured},
		"batch":       {http.Header{"Content-Type": {"application/cloudevents-batch+json"}}, Batch},
		"type counts": {http.Header{"Content-Type": {"application/cloudevents+json"}, "Ce-Specversion": {"1.0"}}, Structured},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := ModeOf(tc.header); got != tc.want || IsEvent(tc.header) != (tc.want != None) {
				t.Errorf("ModeOf = %v, want %v", got, tc.want)
			}
		})
	}
}

func TestIsJSON(t *testing.T) {
	for ct, want := range map[string]bool{
		"": true, "application/json": true, "text/json; charset=utf-8": true, "Application/Vnd.x+JSON": true,
		"text/plain": false, "application/jsonx": false, "json": false, "application/+json": false,
	} {
		if got := IsJSON(ct); got != want {
			t.Errorf("IsJSON(%q) = %v, want %v", ct, got, want)
		}
	}
}
