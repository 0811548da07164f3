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

// spanOf finds the trace context of a call: the headers' (W3C Trace Context),
// else the one that ctx knows already, else the event's distributed tracing
// extension, else a new one. All but the second are those of a remote parent.
func spanOf(ctx context.Context, h http.Header, e *event.Event) (sc trace.SpanContext, known bool) {
	if v := h[contract.HeaderTraceParent]; len(v) > 0 {
		state := ""
		if v := h[contract.HeaderTraceState]; len(v) > 0 {
			state = v[0]
		}
		if sc = parseTrace(v[0], state); sc.IsValid() {
			return sc, false
		}
	}
	if sc = trace.SpanContextFromContext(ctx); sc.IsValid() {
		return sc, true
	}
	if e != nil {
		if parent, state := wire.TraceParent(e); parent != "" {
			if sc = parseTrace(parent, state); sc.IsValid() {
				return sc, false
			}
		}
	}
	return newTrace(), false
}

// parseTrace reads traceparent and tracestate; what it returns is not valid if
// the first is not. The usual form is read without allocating: version 0, no
// tracestate (W3C Trace Context, 3.2.2).
func parseTrace(parent, state string) trace.SpanContext {
	var c trace.SpanContextConfig
	if len(parent) == 55 && state == "" && parent[:3] == "00-" && parent[35] == '-' && parent[52] == '-' &&
		unhex(c.TraceID[:], parent[3:35]) && unhex(c.SpanID[:], parent[36:52]) {
		var flags [1]byte
		if unhex(flags[:], parent[53:]) && flags[0] <= 3 {
			c.TraceFlags, c.Remote = trace.TraceFlags(flags[0]), true
			if sc := trace.NewSpanContext(c); sc.IsValid() {
				return sc
			}
		}
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": parent, "tracestate": state})
	return trace.SpanContextFromContext(ctx)
}

// unhex reads lower-case hex digits, the only ones that the standard takes;
// there are two for each byte of b.
func unhex(b []byte, s string) bool {
	for i := range b {
		high, low := digit(s[2*i]), digit(s[2*i+1])
		if high|low > 15 {
			return false
		}
		b[i] = high<<4 | low
	}
	return true
}

// digit is the value of a lower-case hex digit; beyond 15 for another byte.
func digit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	}
	return 255
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
