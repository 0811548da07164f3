package wire

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"
)

// MarshalStructured returns e in the JSON event format; the content type is
// contract.TypeEvent. JSON data stands as it is, text as a string, all else
// in base64.
func MarshalStructured(e *event.Event) ([]byte, error) {
	return AppendStructured(make([]byte, 0, 256+len(e.DataEncoded)), e)
}

// MarshalBatch returns events in the JSON batch format; the content type is
// contract.TypeEventBatch.
func MarshalBatch(events []event.Event) ([]byte, error) {
	size := 2
	for i := range events {
		size += 256 + len(events[i].DataEncoded)
	}
	b := append(make([]byte, 0, size), '[')
	for i := range events {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = AppendStructured(b, &events[i]); err != nil {
			return nil, atIndex(err, i)
		}
	}
	return append(b, ']'), nil
}

// AppendStructured is MarshalStructured onto the end of b.
func AppendStructured(b []byte, e *event.Event) ([]byte, error) {
	c, err := contextV1(e)
	if err != nil {
		return nil, err
	}
	b = append(b, `{"specversion":"1.0","id":`...)
	b = appendString(b, c.ID)
	b = append(b, `,"source":`...)
	b = appendString(b, c.Source.URL.String())
	b = append(b, `,"type":`...)
	b = appendString(b, c.Type)
	if c.Subject != nil {
		b = append(b, `,"subject":`...)
		b = appendString(b, *c.Subject)
	}
	if c.Time != nil {
		b = append(b, `,"time":"`...)
		b = c.Time.UTC().AppendFormat(b, time.RFC3339Nano)
		b = append(b, '"')
	}
	if c.DataSchema != nil {
		b = append(b, `,"dataschema":`...)
		b = appendString(b, c.DataSchema.URL.String())
	}
	contentType := ""
	if c.DataContentType != nil {
		contentType = *c.DataContentType
		b = append(b, `,"datacontenttype":`...)
		b = appendString(b, contentType)
	}
	if b, err = appendExtensions(b, c.Extensions); err != nil {
		return nil, err
	}
	if e.DataEncoded != nil {
		b = appendData(b, e, contentType)
	}
	return append(b, '}'), nil
}

// appendExtensions writes extensions by name, so that equal events have equal
// bytes.
func appendExtensions(b []byte, extensions map[string]any) ([]byte, error) {
	var room [16]string
	names := room[:0]
	for name := range extensions {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if rule := badName(name); rule != "" {
			return nil, attributeError(name, rule)
		}
		if reserved(name) {
			return nil, attributeError(name, "is CloudEvents' own and cannot be an extension")
		}
		b = append(b, ',', '"')
		b = append(b, name...)
		b = append(b, '"', ':')
		switch v := extensions[name].(type) {
		case string:
			b = appendString(b, v)
		case bool:
			b = strconv.AppendBool(b, v)
		case int32:
			b = strconv.AppendInt(b, int64(v), 10)
		default:
			s, err := types.Format(v)
			if err != nil {
				return nil, attributeError(name, "has no CloudEvents type: "+err.Error())
			}
			b = appendString(b, s)
		}
	}
	return b, nil
}

func appendData(b []byte, e *event.Event, contentType string) []byte {
	data := e.DataEncoded
	switch {
	case IsJSON(contentType) && json.Valid(data) && utf8.Valid(data):
		b = append(b, `,"data":`...)
		return append(b, data...)
	case !IsJSON(contentType) && !e.DataBase64 && utf8.Valid(data):
		b = append(b, `,"data":`...)
		return appendString(b, string(data))
	default:
		b = append(b, `,"data_base64":"`...)
		b = base64.StdEncoding.AppendEncode(b, data)
		return append(b, '"')
	}
}

// appendString writes a JSON string.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			q, err := json.Marshal(s)
			if err != nil { // never of a string
				q = []byte(`""`)
			}
			return append(b, q...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// UnmarshalStructured reads an event in the JSON event format. The event's
// data may share memory with body.
func UnmarshalStructured(body []byte) (event.Event, error) {
	if err := validJSON(body); err != nil {
		return event.Event{}, fmt.Errorf("CloudEvent is not JSON: %w", err)
	}
	s := scanner{b: body}
	e, err := s.event()
	if err != nil {
		return event.Event{}, err
	}
	return e, nil
}

// UnmarshalBatch reads events in the JSON batch format; an empty array has
// none. The events' data may share memory with body.
func UnmarshalBatch(body []byte) ([]event.Event, error) {
	if err := validJSON(body); err != nil {
		return nil, fmt.Errorf("batch of CloudEvents is not JSON: %w", err)
	}
	s := scanner{b: body}
	if s.peek() != '[' {
		return nil, errors.New("batch of CloudEvents is not a JSON array")
	}
	var events []event.Event
	s.i++
	for s.peek() != ']' {
		e, err := s.event()
		if err != nil {
			return nil, atIndex(err, len(events))
		}
		events = append(events, e)
		if s.peek() == ',' {
			s.i++
		}
	}
	return events, nil
}

// validJSON says where body stops being JSON in UTF-8 (RFC 8259, 8.1).
func validJSON(body []byte) error {
	if !json.Valid(body) {
		var raw json.RawMessage
		err := json.Unmarshal(body, &raw)
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return fmt.Errorf("%w at byte %d", err, syntax.Offset)
		}
		return err
	}
	if !utf8.Valid(body) {
		return errors.New("it must be UTF-8")
	}
	return nil
}

// atIndex says in which event of a batch an error is.
func atIndex(err error, i int) error {
	var a *AttributeError
	if errors.As(err, &a) {
		return &AttributeError{Attribute: a.Attribute, Rule: a.Rule, Index: i}
	}
	return fmt.Errorf("CloudEvent %d of the batch: %w", i, err)
}
