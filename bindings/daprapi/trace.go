package daprapi

import (
	"context"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"strings"

	"google.golang.org/grpc/metadata"
)

// Names of W3C Trace Context and Baggage, over either protocol.
const (
	headerTraceParent = "traceparent"
	headerTraceState  = "tracestate"
	headerBaggage     = "baggage"
	// metadataTraceBin is how OpenCensus carried a trace over gRPC; some of
	// Dapr's SDKs still do.
	metadataTraceBin = "grpc-trace-bin"
)

// trace is the W3C trace context of a call.
type trace struct{ parent, state string }

// newTrace takes over what a caller said, or begins a trace: as with daprd,
// every event and every call has one.
func newTrace(parent, state string) trace {
	if validTraceParent(parent) {
		return trace{parent: parent, state: state}
	}
	return trace{parent: "00-" + randomHex(2) + "-" + randomHex(1) + "-00"}
}

// child is the trace of one of several things that the call does.
func (t trace) child() trace {
	// version-traceid-spanid-flags
	return trace{parent: t.parent[:36] + randomHex(1) + t.parent[52:], state: t.state}
}

const lenTraceParent = 2 + 1 + 32 + 1 + 16 + 1 + 2

// validTraceParent goes by the grammar of version 00 (W3C Trace Context, 3.2);
// ids of zeros alone are none.
func validTraceParent(s string) bool {
	if len(s) != lenTraceParent || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return false
	}
	for i := range len(s) {
		if i == 2 || i == 35 || i == 52 {
			continue
		}
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return s[:2] != "ff" && strings.Trim(s[3:35], "0") != "" && strings.Trim(s[36:52], "0") != ""
}

// randomHex gives n times 64 bits that are not all zero.
func randomHex(n int) string {
	b := make([]byte, 0, 16)
	for range n {
		v := rand.Uint64() | 1
		b = append(b, byte(v>>56), byte(v>>48), byte(v>>40), byte(v>>32), byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
	}
	return hex.EncodeToString(b)
}

// traceOf is the trace of a call over gRPC.
func traceOf(ctx context.Context) trace {
	first := func(key string) string {
		if v := metadata.ValueFromIncomingContext(ctx, key); len(v) > 0 {
			return v[0]
		}
		return ""
	}
	parent := first(headerTraceParent)
	if !validTraceParent(parent) {
		parent = traceFromBinary(first(metadataTraceBin))
	}
	return newTrace(parent, first(headerTraceState))
}

// traceFromBinary reads OpenCensus' binary form: a version, then fields 0 (16
// bytes of trace id), 1 (8 bytes of span id) and 2 (a byte of flags).
func traceFromBinary(b string) string {
	if len(b) < 29 || b[0] != 0 || b[1] != 0 || b[18] != 1 || b[27] != 2 {
		return ""
	}
	return "00-" + hex.EncodeToString([]byte(b[2:18])) + "-" + hex.EncodeToString([]byte(b[19:27])) + "-" + hex.EncodeToString([]byte(b[28:29]))
}

// traceOfRequest is the trace of a call over HTTP.
func traceOfRequest(r *http.Request) trace {
	return newTrace(r.Header.Get(headerTraceParent), r.Header.Get(headerTraceState))
}
