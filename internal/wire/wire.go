// Package wire reads and writes CloudEvents 1.0 over HTTP, in binary,
// structured and batch mode (the CloudEvents HTTP protocol binding and JSON
// event format, 1.0.2).
//
// It exists beside the CloudEvents SDK's own binding because host, dispatcher
// and gateway need the modes apart, with bounds, and without the SDK's client
// in a hello function's binary. Events are the SDK's.
//
// Reading is strict about what would be lost or misrouted (names, required
// attributes, duplicates) and lenient about what can be carried faithfully
// (a stray per cent sign, control characters in an extension).
package wire

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
)

// Mode is how an HTTP message carries events.
type Mode int

// The modes of the HTTP protocol binding, 3.
const (
	// None: the message carries no event.
	None Mode = iota
	// Binary: attributes in ce-* headers, data in the body.
	Binary
	// Structured: one event as JSON in the body.
	Structured
	// Batch: a JSON array of events in the body.
	Batch
)

// String names the mode as the specification does.
func (m Mode) String() string {
	switch m {
	case Binary:
		return "binary"
	case Structured:
		return "structured"
	case Batch:
		return "batched"
	default:
		return "none"
	}
}

// ErrUnsupported means that a message carries events in a format other than
// JSON; the answer to it is 415.
var ErrUnsupported = errors.New("unsupported CloudEvents format")

// AttributeError says which attribute of an event breaks which rule.
type AttributeError struct {
	// Attribute is the attribute's name, "data" for the data.
	Attribute string
	// Rule that it breaks, for people.
	Rule string
	// Index of the event in a batch, from 0; -1 outside one.
	Index int
}

func (e *AttributeError) Error() string {
	if e.Index >= 0 {
		return fmt.Sprintf("CloudEvent %d of the batch: attribute %q %s", e.Index, e.Attribute, e.Rule)
	}
	return fmt.Sprintf("CloudEvent: attribute %q %s", e.Attribute, e.Rule)
}

func attributeError(name, rule string) error {
	return &AttributeError{Attribute: name, Rule: rule, Index: -1}
}

const (
	hSpecVersion = "Ce-Specversion"
	hContentType = "Content-Type"
	mediaPrefix  = "application/cloudevents"
)

// ModeOf tells the mode of a message by its headers: the content type first,
// then ce-specversion (the binding, 3.1 to 3.3). Event formats other than JSON
// count as Structured or Batch; Read refuses them.
func ModeOf(h http.Header) Mode {
	if ct := h[hContentType]; len(ct) > 0 && hasPrefixFold(ct[0], mediaPrefix) {
		if hasPrefixFold(ct[0], mediaPrefix+"-batch") {
			return Batch
		}
		return Structured
	}
	if v := h[hSpecVersion]; len(v) > 0 {
		return Binary
	}
	return None
}

// IsEvent says whether a message with these headers carries events.
func IsEvent(h http.Header) bool { return ModeOf(h) != None }

// Read takes the events out of a message. Mode None has no events and no
// error; Binary and Structured have exactly one event. The events' data may
// share memory with body.
//
// Errors are *AttributeError where an attribute is at fault, wrap
// ErrUnsupported for an event format other than JSON, and otherwise say what
// is wrong with the body.
func Read(h http.Header, body []byte) ([]event.Event, Mode, error) {
	mode := ModeOf(h)
	switch mode {
	case Binary:
		m := &message{}
		if err := m.readBinary(h, body); err != nil {
			return nil, mode, err
		}
		return m.events[:], mode, nil
	case Structured, Batch:
		want := contract.TypeEvent
		if mode == Batch {
			want = contract.TypeEventBatch
		}
		if ct := mediaType(h[hContentType][0]); !strings.EqualFold(ct, want) {
			return nil, mode, fmt.Errorf("%w: content type %s; send %s", ErrUnsupported, ct, want)
		}
		if mode == Batch {
			events, err := UnmarshalBatch(body)
			return events, mode, err
		}
		e, err := UnmarshalStructured(body)
		if err != nil {
			return nil, mode, err
		}
		return []event.Event{e}, mode, nil
	default:
		return nil, None, nil
	}
}

// IsJSON says whether a content type holds JSON: subtype json or suffix +json.
// The empty content type counts as JSON, as an absent datacontenttype does
// (JSON event format, 3.1).
func IsJSON(contentType string) bool {
	if contentType == "" || contentType == contract.TypeJSON {
		return true
	}
	mt := mediaType(contentType)
	slash := strings.IndexByte(mt, '/')
	if slash < 0 {
		return false
	}
	sub := mt[slash+1:]
	return strings.EqualFold(sub, "json") || len(sub) > 5 && strings.EqualFold(sub[len(sub)-5:], "+json")
}

// CheckContentType says what keeps s, which is not empty, from being the
// datacontenttype of an event: it must fit a header, and in binary mode, where
// it is the Content-Type, the message must not be taken for another mode (HTTP
// protocol binding, 3).
func CheckContentType(s string) error {
	if !headerSafe(s) {
		return attributeError("datacontenttype", "must be a media type (RFC 2046)")
	}
	if hasPrefixFold(strings.TrimSpace(s), mediaPrefix) {
		return attributeError("datacontenttype", "must not be that of CloudEvents: an event cannot hold events as its data")
	}
	return nil
}

// IsText says whether a content type is made for people to read.
func IsText(contentType string) bool {
	return hasPrefixFold(contentType, "text/")
}

// mediaType cuts the parameters off a content type.
func mediaType(contentType string) string {
	if i := strings.IndexByte(contentType, ';'); i >= 0 {
		contentType = contentType[:i]
	}
	return strings.TrimSpace(contentType)
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
