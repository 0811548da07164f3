package wire

import (
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/weftmesh/weft/internal/contract"
)

// WriteBinary puts the attributes of e into h as ce-* headers and its
// datacontenttype as Content-Type (the HTTP protocol binding, 3.1); the body is
// e.Data(). Headers of other names are left alone. It fails, with an
// *AttributeError and h possibly half written, if a required attribute is
// missing or an extension's name or value is none of CloudEvents'.
func WriteBinary(h http.Header, e *event.Event) error {
	c, err := contextV1(e)
	if err != nil {
		return err
	}
	// One array for all values: net/http wants a slice for each header.
	values := make([]string, 0, 8+len(c.Extensions))
	put := func(key, value string) {
		values = append(values, value)
		n := len(values)
		h[key] = values[n-1 : n : n]
	}
	put(hSpecVersion, event.CloudEventsVersionV1)
	put("Ce-Id", encode(c.ID))
	put("Ce-Source", encode(c.Source.URL.String()))
	put("Ce-Type", encode(c.Type))
	if c.Subject != nil {
		put("Ce-Subject", encode(*c.Subject))
	}
	if c.Time != nil {
		put("Ce-Time", c.Time.UTC().Format(time.RFC3339Nano))
	}
	if c.DataSchema != nil {
		put("Ce-Dataschema", encode(c.DataSchema.URL.String()))
	}
	if c.DataContentType != nil {
		if err := CheckContentType(*c.DataContentType); err != nil {
			return err
		}
		put(hContentType, *c.DataContentType)
	}
	for name, v := range c.Extensions {
		if rule := badName(name); rule != "" {
			return attributeError(name, rule)
		}
		if reserved(name) {
			return attributeError(name, "is CloudEvents' own and cannot be an extension")
		}
		s, ok := v.(string)
		if !ok {
			if s, err = types.Format(v); err != nil {
				return attributeError(name, "has no CloudEvents type: "+err.Error())
			}
		}
		put(headerKey(name), encode(s))
	}
	return nil
}

// message is an event in binary mode, with all that it holds in one piece.
type message struct {
	events [1]event.Event
	record
}

// readBinary reads a message in binary mode.
func (m *message) readBinary(h http.Header, body []byte) error {
	e, r := &m.events[0], &m.record
	for key, values := range h {
		if len(key) < 3 || key[2] != '-' || key[0] != 'C' && key[0] != 'c' || key[1] != 'e' && key[1] != 'E' {
			continue
		}
		name := attributeName(key)
		if name == "datacontenttype" {
			return attributeError(name, "belongs in the Content-Type header in binary mode (HTTP binding, 3.1.1)")
		}
		if len(values) != 1 {
			if len(values) == 0 {
				continue
			}
			return attributeError(name, "is given more than once")
		}
		value, ok := decode(values[0])
		if !ok {
			return attributeError(name, "must be UTF-8 when percent-decoded (HTTP binding, 3.1.3.2)")
		}
		if err := r.set(name, value); err != nil {
			return err
		}
	}
	if ct := h[hContentType]; len(ct) > 0 && ct[0] != "" {
		if err := CheckContentType(ct[0]); err != nil {
			return err
		}
		r.contentType = ct[0]
		r.ctx.DataContentType = &r.contentType
	}
	if err := r.check(); err != nil {
		return err
	}
	e.Context = &r.ctx
	if len(body) > 0 {
		e.DataEncoded = body
		e.DataBase64 = !IsJSON(r.contentType) && !IsText(r.contentType)
	}
	return nil
}

// attributeName turns a header's key into the attribute's name. The names that
// travel with every event cost no allocation.
func attributeName(key string) string {
	switch key {
	case hSpecVersion:
		return "specversion"
	case "Ce-Id":
		return "id"
	case "Ce-Source":
		return "source"
	case "Ce-Type":
		return "type"
	case "Ce-Time":
		return "time"
	case "Ce-Subject":
		return "subject"
	case "Ce-Dataschema":
		return "dataschema"
	case keyFrom:
		return contract.ExtFrom
	case keyTo:
		return contract.ExtTo
	case keyAttempt:
		return contract.ExtAttempt
	case keyHops:
		return contract.ExtHops
	case keyError:
		return contract.ExtError
	case keyTraceParent:
		return contract.ExtTraceParent
	case keyTraceState:
		return contract.ExtTraceState
	}
	return strings.ToLower(key[3:])
}

const (
	keyFrom        = "Ce-Weftfrom"
	keyTo          = "Ce-Weftto"
	keyAttempt     = "Ce-Weftattempt"
	keyHops        = "Ce-Wefthops"
	keyError       = "Ce-Wefterror"
	keyTraceParent = "Ce-Traceparent"
	keyTraceState  = "Ce-Tracestate"
)

// headerKey is the canonical header key of an extension whose name is valid.
func headerKey(name string) string {
	switch name {
	case contract.ExtFrom:
		return keyFrom
	case contract.ExtTo:
		return keyTo
	case contract.ExtAttempt:
		return keyAttempt
	case contract.ExtHops:
		return keyHops
	case contract.ExtError:
		return keyError
	case contract.ExtTraceParent:
		return keyTraceParent
	case contract.ExtTraceState:
		return keyTraceState
	}
	key := make([]byte, 0, 3+len(name))
	key = append(key, "Ce-"...)
	key = append(key, name...)
	if key[3] >= 'a' && key[3] <= 'z' {
		key[3] -= 'a' - 'A'
	}
	return string(key)
}

const upperHex = "0123456789ABCDEF"

// plain says whether a byte needs no percent-encoding: printable ASCII other
// than space, double quote and per cent (HTTP binding, 3.1.3.2).
func plain(c byte) bool {
	return c > ' ' && c < 0x7f && c != '"' && c != '%'
}

// encode percent-encodes an attribute's value for a header.
func encode(s string) string {
	n := 0
	for i := range len(s) {
		if !plain(s[i]) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	out := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; plain(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(out)
}

// decode undoes encode, after undoing a quoted string of RFC 7230, 3.2.6. A
// per cent sign without two hex digits stands for itself, since senders exist
// that do not encode. It fails if the result is not UTF-8.
func decode(s string) (string, bool) {
	s = strings.TrimSpace(s)
	quoted := len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"'
	if !quoted && strings.IndexByte(s, '%') < 0 {
		return s, utf8.ValidString(s)
	}
	out := make([]byte, 0, len(s))
	if quoted {
		s = s[1 : len(s)-1]
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quoted && c == '\\' && i+1 < len(s):
			i++
			out = append(out, s[i])
		case c == '%' && i+2 < len(s) && unhex(s[i+1]) < 16 && unhex(s[i+2]) < 16:
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
		default:
			out = append(out, c)
		}
	}
	return string(out), utf8.Valid(out)
}

// unhex returns the value of a hex digit, 255 for another byte.
func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// headerSafe says whether s can be the value of a Content-Type header: ASCII
// without control characters, and not empty.
func headerSafe(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return s != ""
}
