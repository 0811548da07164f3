package delivery

import (
	"encoding/hex"
	"math/rand/v2"
	"strings"
)

// span is one call in a trace, by W3C Trace Context (version 00).
type span struct {
	trace, id, parent string
	flags             string
}

// newSpan begins a span under a traceparent; a missing or malformed one begins
// a new, sampled trace.
func newSpan(parent string) span {
	s := span{id: randomHex(8), flags: "01"}
	if trace, id, flags, ok := splitTraceParent(parent); ok {
		s.trace, s.parent, s.flags = trace, id, flags
	} else {
		s.trace = randomHex(16)
	}
	return s
}

// traceOf makes a trace context fit to be kept with an event: one begins where
// there is none or a malformed one, so that all attempts and links of what is
// routed share it. A state that means nothing, or that no header can carry, is
// dropped (Trace Context, 3.3).
func traceOf(parent, state string) (string, string) {
	if _, _, _, ok := splitTraceParent(parent); !ok {
		return newSpan("").String(), ""
	}
	for i := range len(state) {
		if c := state[i]; c < ' ' && c != '\t' || c >= 0x7f {
			return parent, ""
		}
	}
	return parent, state
}

func (s span) String() string { return "00-" + s.trace + "-" + s.id + "-" + s.flags }

// splitTraceParent takes a traceparent apart (Trace Context, 3.2). Versions
// above 00 are read by the fields that 00 has, as 4.3 asks.
func splitTraceParent(s string) (trace, id, flags string, ok bool) {
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || len(s) > 55 && (s[:2] == "00" || s[55] != '-') {
		return "", "", "", false
	}
	trace, id, flags = s[3:35], s[36:52], s[53:55]
	if s[:2] == "ff" || !lowerHex(s[:2]) || !lowerHex(trace) || !lowerHex(id) || !lowerHex(flags) ||
		strings.Count(trace, "0") == 32 || strings.Count(id, "0") == 16 {
		return "", "", "", false
	}
	return trace, id, flags, true
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// randomHex returns n (8 or 16) random bytes in hex, never all zero.
func randomHex(n int) string {
	var b [16]byte
	for i := 0; i < n; i += 8 {
		v := rand.Uint64() | 1
		for j := range 8 {
			b[i+j] = byte(v >> (8 * j))
		}
	}
	return hex.EncodeToString(b[:n])
}
