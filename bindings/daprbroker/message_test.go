package daprbroker

import (
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
)

func plainEvent(id, source string) *event.Event {
	e := event.New()
	e.SetID(id)
	e.SetSource(source)
	e.SetType("t")
	return &e
}

func TestMessage(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(e *event.Event)
	}{
		"Bare": {"no data, no extensions", func(*event.Event) {}},
		"JSON": {"JSON is not written anew", func(e *event.Event) {
			e.SetDataContentType("application/json")
			e.DataEncoded = []byte(`{"b": 1.0, "a":"<&>\u00e9"}`)
		}},
		"Blank": {"white space around JSON is part of the data", func(e *event.Event) {
			e.SetDataContentType("application/json")
			e.DataEncoded = []byte("\n {\"a\":1}\r\n")
		}},
		"NotJSON": {"what is called JSON need not be", func(e *event.Event) { e.SetDataContentType("application/json"); e.DataEncoded = []byte(`{"a`) }},
		"Text":    {"text", func(e *event.Event) { e.SetDataContentType("text/plain"); e.DataEncoded = []byte("ü\x00\"\n ") }},
		"Bytes": {"bytes", func(e *event.Event) {
			e.SetDataContentType("image/png")
			e.DataEncoded, e.DataBase64 = []byte{0, 255, 10}, true
		}},
		"Extensions": {"those that the way adds are gone again", func(e *event.Event) {
			e.SetExtension("weftlink", "a->b")
			e.SetExtension("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := plainEvent("id", "/source")
			tc.change(want)
			now := time.Unix(1_800_000_000, 123)
			way, no, err := travelling("q", want, now)
			if err != nil {
				t.Fatal(err)
			}
			data, err := marshal(way)
			if err != nil {
				t.Fatal(err)
			}
			got, gotNo, err := unmarshal(data)
			if err != nil {
				t.Fatalf("%s: %v of %s", tc.reason, err, data)
			}
			if at := queued(got, time.Time{}); gotNo != no || !at.Equal(now) {
				t.Errorf("%s: copy %q at %v, want %q at %v", tc.reason, gotNo, at, no, now)
			}
			want.DataBase64, got.DataBase64 = false, false // how the data is written, not what it is
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

func TestMessageID(t *testing.T) {
	id := func(queue, id, source string) string { return messageID(queue, plainEvent(id, source).Context.AsV1()) }
	same := id("q", "a", "/s")
	for name, other := range map[string]string{
		"queue": id("p", "a", "/s"), "id": id("q", "b", "/s"), "source": id("q", "a", "/t"), "border": id("q", "/sa", "/"),
	} {
		if other == same {
			t.Errorf("another %s has the same message id: a component may drop the event", name)
		}
	}
	if id("q", "a", "/s") != same {
		t.Error("the same event has two message ids")
	}
}

func TestTravellingRefuses(t *testing.T) {
	for name, e := range map[string]*event.Event{
		"nothing": {}, "no id": plainEvent("", "/s"), "no source": plainEvent("a", ""),
	} {
		if _, _, err := travelling("q", e, time.Now()); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func FuzzUnmarshal(f *testing.F) {
	way, _, err := travelling("q", plainEvent("a", "/s"), time.Unix(1, 0))
	if err != nil {
		f.Fatal(err)
	}
	data, err := marshal(way)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"specversion":"1.0","id":"a","source":"/s","type":"t","weftid":7,"weftcopy":true}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, no, err := unmarshal(data)
		if err != nil {
			return
		}
		if e.ID() == "" || no == "" {
			t.Errorf("%q gave an event without id or copy", data)
		}
		queued(e, time.Now())
		if _, _, err := travelling("q", e, time.Now()); err != nil {
			t.Errorf("%q is taken and cannot be sent on: %v", data, err)
		}
	})
}
