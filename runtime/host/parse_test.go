package host

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traceparents are read as OpenTelemetry reads them, by a way of our own where
// they have the usual form.
var traceparents = []string{
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03",
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-04",
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
	"00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	"00-00000000000000000000000000000000-b7ad6b7169203331-01",
	"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
	"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
	"01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	"cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
	"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	"00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
	"00-zz", "", "-", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01",
}

func FuzzParseTrace(f *testing.F) {
	for _, parent := range traceparents {
		f.Add(parent, "")
		f.Add(parent, "a=b,c=d")
		f.Add(parent, "not a state")
	}
	f.Fuzz(func(t *testing.T, parent, state string) {
		carrier := propagation.MapCarrier{"traceparent": parent, "tracestate": state}
		want := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
		if got := parseTrace(parent, state); !got.Equal(want) {
			t.Errorf("%q, %q: %v, OpenTelemetry reads %v", parent, state, got, want)
		}
	})
}
