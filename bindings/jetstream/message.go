package jetstream

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
	"github.com/nats-io/nats.go"

	"github.com/weftmesh/weft/internal/wire"
)

// Headers besides the attributes.
const (
	headerMsgID       = "Nats-Msg-Id"
	headerContentType = "content-type"
	attributePrefix   = "ce-"
)

// key identifies an event within its queue for the dedup window: 96 bits of a
// hash over source and id.
type key [12]byte

// keyLength is the number of characters of a key, which a server elsewhere
// keeps in memory for each event of the window.
const keyLength = 16

func (k key) String() string { return base64.RawURLEncoding.EncodeToString(k[:]) }

// parseKey undoes String.
func parseKey(s string) (k key, ok bool) {
	if len(s) != keyLength {
		return k, false
	}
	_, err := base64.RawURLEncoding.Decode(k[:], []byte(s))
	return k, err == nil
}

func eventKey(source, id string) key {
	buf := make([]byte, 0, 128)
	buf = append(buf, source...)
	buf = append(buf, 0)
	buf = append(buf, id...)
	sum := sha256.Sum256(buf)
	return key(sum[:len(key{})])
}

// toMessage makes a message of an event: attributes as headers, data as
// payload (NATS protocol binding, 3.1). extra is room for more headers.
func toMessage(subject string, e *event.Event, extra int) (*nats.Msg, error) {
	c, ok := e.Context.(*event.EventContextV1)
	if !ok {
		if e.Context == nil {
			return nil, fmt.Errorf("event has no attributes")
		}
		c = e.Context.AsV1()
	}
	source := c.Source.String()
	if c.ID == "" || c.Type == "" || source == "" {
		return nil, fmt.Errorf("event %q of type %q from %q: id, type and source are required", c.ID, c.Type, source)
	}
	n := 8 + len(c.Extensions) + extra
	h := make(nats.Header, n)
	values := make([]string, 0, n)
	put := func(key, value string) {
		values = append(values, value)
		i := len(values)
		h[key] = values[i-1 : i : i]
	}
	put("ce-specversion", event.CloudEventsVersionV1)
	put("ce-id", encode(c.ID))
	put("ce-source", encode(source))
	put("ce-type", encode(c.Type))
	if c.Subject != nil {
		put("ce-subject", encode(*c.Subject))
	}
	if c.Time != nil {
		put("ce-time", c.Time.UTC().Format(time.RFC3339Nano))
	}
	if c.DataSchema != nil {
		put("ce-dataschema", encode(c.DataSchema.String()))
	}
	if c.DataContentType != nil {
		put(headerContentType, encode(*c.DataContentType))
	}
	for name, v := range c.Extensions {
		s, ok := v.(string)
		if !ok {
			var err error
			if s, err = types.Format(v); err != nil {
				return nil, fmt.Errorf("extension %s: %w", name, err)
			}
		}
		put(attributePrefix+name, encode(s))
	}
	return &nats.Msg{Subject: subject, Header: h, Data: e.DataEncoded}, nil
}

// fromMessage is the way back. The event's data shares memory with the
// message.
func fromMessage(h nats.Header, data []byte) (*event.Event, error) {
	if ct := h[headerContentType]; len(ct) > 0 {
		delete(h, headerContentType)
		if v, ok := decode(ct[0]); ok {
			ct[0] = v
		}
		h["Content-Type"] = ct
	}
	// The two headers that wire looks up as net/http spells them.
	if v := h["ce-specversion"]; len(v) > 0 {
		delete(h, "ce-specversion")
		h["Ce-Specversion"] = v
	}
	events, mode, err := wire.Read(http.Header(h), data)
	if err != nil {
		return nil, err
	}
	if mode != wire.Binary {
		return nil, fmt.Errorf("message is no CloudEvent in binary mode")
	}
	return &events[0], nil
}

// encode percent-encodes an attribute's value as the binding's 3.1.3.2 asks,
// with the HTTP binding's rules: everything but printable ASCII, and space,
// double quote and per cent.
func encode(s string) string {
	const hex = "0123456789ABCDEF"
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
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(out)
}

func plain(c byte) bool { return c > ' ' && c < 0x7f && c != '"' && c != '%' }

// decode undoes encode.
func decode(s string) (string, bool) {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out = append(out, s[i])
			continue
		}
		var c byte
		if i+2 >= len(s) {
			return "", false
		}
		if _, err := fmt.Sscanf(s[i+1:i+3], "%02X", &c); err != nil {
			return "", false
		}
		out = append(out, c)
		i += 2
	}
	return string(out), true
}
