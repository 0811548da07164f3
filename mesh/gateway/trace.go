package gateway

import (
	"crypto/rand"
	"encoding/hex"
	mathrand "math/rand/v2"
)

// traceContext is that of one call (W3C Trace Context, level 1).
type traceContext struct {
	// parent is the traceparent header of the call.
	parent string
	// trace, span and up (the caller's span, "" if none) in hex.
	trace, span, up string
	state           string
}

const lenTraceParent = 2 + 1 + 32 + 1 + 16 + 1 + 2

// validTraceParent checks a traceparent header, of version 00 or a later one
// that begins alike (3.2.2 and 3.3).
func validTraceParent(s string) bool {
	if len(s) < lenTraceParent || s[2] != '-' || s[35] != '-' || s[52] != '-' {
		return false
	}
	if s[:2] == "ff" || s[:2] == "00" && len(s) != lenTraceParent || len(s) > lenTraceParent && s[lenTraceParent] != '-' {
		return false
	}
	return lowerHex(s[:2]) && lowerHex(s[3:35]) && lowerHex(s[36:52]) && lowerHex(s[53:55]) &&
		!zeros(s[3:35]) && !zeros(s[36:52])
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func zeros(s string) bool {
	for i := range len(s) {
		if s[i] != '0' {
			return false
		}
	}
	return true
}

// newTrace continues the caller's trace, or begins one, with a new span.
func newTrace(parent, state string) traceContext {
	var b [lenTraceParent]byte
	copy(b[:], "00-")
	b[35], b[52] = '-', '-'
	var raw [24]byte
	putUint64(raw[16:], nonZero())
	var up string
	if validTraceParent(parent) {
		copy(b[3:35], parent[3:35])
		copy(b[53:], parent[53:55])
		up = parent[36:52]
		if len(state) > 512 {
			state = "" // 3.3.1.5: it may be dropped as a whole
		}
	} else {
		putUint64(raw[:], nonZero())
		putUint64(raw[8:], nonZero())
		hex.Encode(b[3:35], raw[:16])
		copy(b[53:], "01")
		state = ""
	}
	hex.Encode(b[36:52], raw[16:])
	s := string(b[:])
	return traceContext{parent: s, trace: s[3:35], span: s[36:52], up: up, state: state}
}

// nonZero is random enough for trace ids, which nobody must guess wrong.
func nonZero() uint64 {
	for {
		if n := mathrand.Uint64(); n != 0 {
			return n
		}
	}
}

func putUint64(b []byte, n uint64) {
	for i := range 8 {
		b[i] = byte(n >> (56 - 8*i))
	}
}

// newID returns a random UUID (RFC 9562, version 4).
func newID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	raw[6] = raw[6]&0x0f | 0x40
	raw[8] = raw[8]&0x3f | 0x80
	var b [36]byte
	hex.Encode(b[:8], raw[:4])
	hex.Encode(b[9:13], raw[4:6])
	hex.Encode(b[14:18], raw[6:8])
	hex.Encode(b[19:23], raw[8:10])
	hex.Encode(b[24:], raw[10:])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}
