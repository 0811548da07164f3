package wire

import (
	"net/http"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
)

func hot() event.Event {
	e := event.New()
	e.SetID("4f1c0c0a0b5e4a6d8c1f2b3a4d5e6f70")
	e.SetSource("/default/order-processing-mesh/ingest-order")
	e.SetType("order-processing-mesh.ingestOrder.output")
	e.SetExtension("weftfrom", "ingestOrder")
	e.SetExtension("weftattempt", "1")
	e.SetExtension("wefthops", "1")
	e.SetExtension("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	e.SetDataContentType("application/json")
	e.DataEncoded = []byte(`{"orderId":"order-1","customer":"c-17","items":[{"sku":"a","quantity":2},{"sku":"b","quantity":1}]}`)
	return e
}

func BenchmarkWriteBinary(b *testing.B) {
	e := hot()
	b.ReportAllocs()
	for b.Loop() {
		if err := WriteBinary(make(http.Header, 12), &e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkReadBinary(b *testing.B) {
	e := hot()
	h := http.Header{}
	if err := WriteBinary(h, &e); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := Read(h, e.DataEncoded); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshalBatch(b *testing.B) {
	events := []event.Event{hot()}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := MarshalBatch(events); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnmarshalBatch(b *testing.B) {
	body, err := MarshalBatch([]event.Event{hot()})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := UnmarshalBatch(body); err != nil {
			b.Fatal(err)
		}
	}
}
