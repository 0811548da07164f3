package host

import (
	"context"
	"encoding/hex"
	"math/rand/v2"
	"net/http"

	"github.com/cloudevents/sdk-go/v2/event"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
)

// withTrace puts the trace context of a call into ctx, as that of a remote
// parent: the headers' (W3C Trace Context), else the event's distributed
// tracing extension, else a new one.
func withTrace(ctx context.Context, h http.Header, e *event.Event) (context.Context, trace.SpanContext) {
	var w3c propagation.TraceContext
	if len(h[contract.HeaderTraceParent]) > 0 {
		ctx = w3c.Extract(ctx, headers(h))
	}
	sc := trace.SpanContextFromContext(ctx)
	if !sc.IsValid() && e != nil {
		if parent, state := wire.TraceParent(e); parent != "" {
			ctx = w3c.Extract(ctx, propagation.MapCarrier{"traceparent": parent, "tracestate": state})
			sc = trace.SpanContextFromContext(ctx)
		}
	}
	if sc.IsValid() {
		return ctx, sc
	}
	sc = newTrace()
	return trace.ContextWithRemoteSpanContext(ctx, sc), sc
}

// newTrace begins a trace. Its ids are random (W3C Trace Context, 3.2.2.3) and
// need not be secret.
func newTrace() trace.SpanContext {
	var c trace.SpanContextConfig
	for !c.TraceID.IsValid() {
		putUint64(c.TraceID[:8], rand.Uint64())
		putUint64(c.TraceID[8:], rand.Uint64())
	}
	for !c.SpanID.IsValid() {
		putUint64(c.SpanID[:], rand.Uint64())
	}
	c.TraceFlags = trace.FlagsSampled
	c.Remote = true
	return trace.NewSpanContext(c)
}

func putUint64(b []byte, v uint64) {
	for i := range b {
		b[i] = byte(v >> (8 * i))
	}
}

// traceParent writes a span context in the form of the traceparent header (W3C
// Trace Context, 3.2).
func traceParent(sc trace.SpanContext) string {
	id, span, flags := sc.TraceID(), sc.SpanID(), sc.TraceFlags()
	b := make([]byte, 0, 55)
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, id[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, span[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, []byte{byte(flags)})
	return string(b)
}

// headers reads the two headers of Trace Context without making their keys
// canonical each time.
type headers http.Header

func (h headers) Get(key string) string {
	switch key {
	case "traceparent":
		key = contract.HeaderTraceParent
	case "tracestate":
		key = contract.HeaderTraceState
	}
	if v := h[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (h headers) Set(key, value string) { http.Header(h).Set(key, value) }

func (h headers) Keys() []string {
	return []string{contract.HeaderTraceParent, contract.HeaderTraceState}
}
