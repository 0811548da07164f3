package wire

import (
	"net/url"
	"strconv"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/weftmesh/weft/internal/contract"
)

// record holds an event's context and what its usual attributes point to, so
// that reading an event allocates once for all of them.
type record struct {
	ctx         event.EventContextV1
	contentType string
	subject     string
	time        types.Timestamp
	seen        attributeSet
}

// attributeSet notes which attributes were given, to find duplicates.
type attributeSet uint16

const (
	sawSpecVersion attributeSet = 1 << iota
	sawID
	sawSource
	sawType
	sawContentType
	sawSubject
	sawTime
	sawSchema
	sawData
	sawBase64
)

func (r *record) saw(a attributeSet, name string) error {
	if r.seen&a != 0 {
		return attributeError(name, "is given more than once")
	}
	r.seen |= a
	return nil
}

// set gives the attribute called name its value in canonical string form
// (CloudEvents 1.0.2, 3). name must be lower case.
func (r *record) set(name, value string) error {
	switch name {
	case "specversion":
		if err := r.saw(sawSpecVersion, name); err != nil {
			return err
		}
		if value != event.CloudEventsVersionV1 {
			return attributeError(name, "is "+strconv.Quote(value)+": only 1.0 is supported")
		}
	case "id":
		if err := r.saw(sawID, name); err != nil {
			return err
		}
		r.ctx.ID = value
	case "type":
		if err := r.saw(sawType, name); err != nil {
			return err
		}
		r.ctx.Type = value
	case "source":
		if err := r.saw(sawSource, name); err != nil {
			return err
		}
		if plainPath(value) {
			r.ctx.Source.Path = value
			break
		}
		u, err := url.Parse(value)
		if err != nil {
			return attributeError(name, "must be a URI reference (RFC 3986): "+errText(err))
		}
		r.ctx.Source.URL = *u
	case "subject":
		if err := r.saw(sawSubject, name); err != nil {
			return err
		}
		if value == "" {
			return attributeError(name, "must not be empty if present")
		}
		r.subject = value
		r.ctx.Subject = &r.subject
	case "time":
		if err := r.saw(sawTime, name); err != nil {
			return err
		}
		t, err := time.Parse(time.RFC3339Nano, value)
		if err != nil {
			return attributeError(name, "must be an RFC 3339 timestamp, not "+strconv.Quote(value))
		}
		if y := t.UTC().Year(); y < 0 || y > 9999 {
			return attributeError(name, "must be within the years 0 to 9999 in UTC, as which it is written")
		}
		r.time.Time = t
		r.ctx.Time = &r.time
	case "dataschema":
		if err := r.saw(sawSchema, name); err != nil {
			return err
		}
		u, err := url.Parse(value)
		if err != nil || !u.IsAbs() {
			return attributeError(name, "must be an absolute URI (RFC 3986, 4.3)")
		}
		r.ctx.DataSchema = &types.URI{URL: *u}
	case "datacontenttype":
		if err := r.saw(sawContentType, name); err != nil {
			return err
		}
		if value == "" {
			return attributeError(name, "must not be empty if present")
		}
		if err := CheckContentType(value); err != nil {
			return err
		}
		r.contentType = value
		r.ctx.DataContentType = &r.contentType
	default:
		return r.setExtension(name, value)
	}
	return nil
}

// plainPath says whether a URI reference is nothing but a path, of characters
// that stand for themselves: what the mesh gives its events as their source.
func plainPath(s string) bool {
	if len(s) < 2 || s[0] != '/' || s[1] == '/' {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '/', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}

// setExtension gives the extension its value, one of string, int32 and bool.
func (r *record) setExtension(name string, value any) error {
	if rule := badName(name); rule != "" {
		return attributeError(name, rule)
	}
	if _, ok := r.ctx.Extensions[name]; ok {
		return attributeError(name, "is given more than once")
	}
	if r.ctx.Extensions == nil {
		r.ctx.Extensions = make(map[string]any, 8)
	}
	r.ctx.Extensions[name] = value
	return nil
}

// check says which required attribute is missing (CloudEvents 1.0.2, 3.1).
func (r *record) check() error {
	switch {
	case r.seen&sawSpecVersion == 0:
		return attributeError("specversion", "is required: send 1.0")
	case r.ctx.ID == "":
		return attributeError("id", "is required and must not be empty")
	case r.ctx.Source.URL == (url.URL{}):
		return attributeError("source", "is required and must not be empty")
	case r.ctx.Type == "":
		return attributeError("type", "is required and must not be empty")
	}
	return nil
}

// badName says what is wrong with an attribute's name ("" if nothing): lower
// case ASCII letters and digits only (CloudEvents 1.0.2, 3, naming
// conventions). The specification's 20 characters are a recommendation, and
// are not enforced.
func badName(name string) string {
	if name == "" {
		return "has no name"
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return "is badly named: only lower-case letters a to z and digits are allowed"
		}
	}
	if name == "data" {
		return "is badly named: the name is reserved for the data"
	}
	return ""
}

// reserved says whether a name is one of CloudEvents' own attributes, so that
// it can be no extension.
func reserved(name string) bool {
	switch name {
	case "specversion", "id", "source", "type", "datacontenttype", "dataschema", "subject", "time", "data":
		return true
	}
	return false
}

// contextV1 returns the event's 1.0 context, and an error for an event that
// has none or that cannot be written.
func contextV1(e *event.Event) (*event.EventContextV1, error) {
	c, ok := e.Context.(*event.EventContextV1)
	if !ok {
		if e.Context == nil {
			return nil, attributeError("specversion", "is required: make events with event.New")
		}
		c = e.Context.AsV1()
	}
	switch {
	case c.ID == "":
		return nil, attributeError("id", "is required and must not be empty")
	case c.Type == "":
		return nil, attributeError("type", "is required and must not be empty")
	case c.Source.URL == (url.URL{}):
		return nil, attributeError("source", "is required and must not be empty")
	}
	return c, nil
}

// Extension returns an extension of e in canonical string form, "" if e has
// none of that name. Unlike e.Extensions() it does not copy the context.
func Extension(e *event.Event, name string) string {
	c, ok := e.Context.(*event.EventContextV1)
	if !ok {
		return ""
	}
	v, ok := c.Extensions[name]
	if !ok {
		return ""
	}
	if s, ok := v.(string); ok {
		return s
	}
	s, err := types.Format(v)
	if err != nil {
		return ""
	}
	return s
}

// IntExtension returns an extension that counts, such as weftattempt; 0 if e
// has none of that name or it is no number.
func IntExtension(e *event.Event, name string) int {
	n, err := strconv.Atoi(Extension(e, name))
	if err != nil {
		return 0
	}
	return n
}

// TraceParent returns the distributed tracing extension of e, "" if it has
// none.
func TraceParent(e *event.Event) (parent, state string) {
	return Extension(e, contract.ExtTraceParent), Extension(e, contract.ExtTraceState)
}

// errText strips the value from a url.Error, which the caller has named.
func errText(err error) string {
	if u, ok := err.(*url.Error); ok {
		return u.Err.Error()
	}
	return err.Error()
}
