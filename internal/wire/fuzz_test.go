package wire

import (
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
)

// again writes events that were read, reads them back in each mode and wants
// them unchanged.
func again(t *testing.T, e event.Event) {
	t.Helper()
	if IsJSON(e.DataContentType()) && json.Valid(e.DataEncoded) {
		e.DataEncoded = bytes.Trim(e.DataEncoded, " \t\r\n") // white space around JSON is lost in JSON
	}
	want := attributes(&e)
	h := http.Header{}
	if err := WriteBinary(h, &e); err != nil {
		t.Fatalf("WriteBinary of an event that was read: %v", err)
	}
	events, _, err := Read(h, e.Data())
	if err != nil {
		t.Fatalf("Read of what WriteBinary wrote: %v\n%v", err, h)
	}
	if diff := cmp.Diff(want, attributes(&events[0])); diff != "" {
		t.Fatalf("binary mode: -want +got:\n%s", diff)
	}
	b, err := MarshalBatch([]event.Event{e})
	if err != nil {
		t.Fatalf("MarshalBatch of an event that was read: %v", err)
	}
	events, err = UnmarshalBatch(b)
	if err != nil || len(events) != 1 {
		t.Fatalf("UnmarshalBatch of what MarshalBatch wrote: %v\n%s", err, b)
	}
	if diff := cmp.Diff(want, attributes(&events[0])); diff != "" {
		t.Fatalf("batch mode: -want +got:\n%s", diff)
	}
}

func FuzzReadBinary(f *testing.F) {
	f.Add("1", "/s", "t", "Ce-Subject", "a%20b", "application/json", []byte(`{}`))
	f.Add("1", "/s?a=b#c", "t", "Ce-Weftattempt", "3", "text/plain", []byte("x"))
	f.Add("%", "//h/%2f", `"t"`, "Ce-Time", "2026-01-02T03:04:05Z", "", []byte{0xff})
	f.Fuzz(func(t *testing.T, id, source, typ, key, value, contentType string, body []byte) {
		h := http.Header{"Ce-Specversion": {"1.0"}, "Ce-Id": {id}, "Ce-Source": {source}, "Ce-Type": {typ}, "Content-Type": {contentType}}
		h[http.CanonicalHeaderKey(key)] = []string{value}
		events, mode, err := Read(h, body)
		if err != nil || mode != Binary {
			return
		}
		again(t, events[0])
	})
}

func FuzzReadJSON(f *testing.F) {
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":"}"},"n":1,"b":true}`))
	f.Add([]byte(`{"specversion":"1.0","id":"\u00e4\"","source":"/s","type":"t","data_base64":"AQI=","datacontenttype":"image/png"}`))
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"text/plain","data":"a\\\"b"}`))
	f.Add([]byte(`[{"id":null}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if events, err := UnmarshalBatch(body); err == nil {
			for _, e := range events {
				again(t, e)
			}
		}
		if e, err := UnmarshalStructured(body); err == nil {
			again(t, e)
		}
	})
}
