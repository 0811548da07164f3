package wire

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/cloudevents/sdk-go/v2/event"
)

// scanner walks over JSON that is known to be valid, so that it need only find
// where values begin and end.
type scanner struct {
	b []byte
	i int
}

// peek skips white space and returns the byte there, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.i < len(s.b); s.i++ {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// value returns the raw value that begins here.
func (s *scanner) value() []byte {
	first := s.peek()
	start := s.i
	switch first {
	case '"':
		s.skipString()
	case '{', '[':
		depth := 0
		for s.i < len(s.b) {
			switch s.b[s.i] {
			case '"':
				s.skipString()
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
			}
			s.i++
			if depth == 0 {
				break
			}
		}
	default:
		for s.i < len(s.b) && !ends(s.b[s.i]) {
			s.i++
		}
	}
	return s.b[start:s.i]
}

// ends says whether a byte ends a number, true, false or null.
func ends(c byte) bool {
	switch c {
	case ',', ']', '}', ' ', '\t', '\n', '\r':
		return true
	}
	return false
}

func (s *scanner) skipString() {
	for s.i++; s.i < len(s.b); s.i++ {
		switch s.b[s.i] {
		case '\\':
			s.i++
		case '"':
			s.i++
			return
		}
	}
}

// event reads the object that begins here as an event.
func (s *scanner) event() (event.Event, error) {
	if s.peek() != '{' {
		return event.Event{}, errors.New("CloudEvent is not a JSON object")
	}
	r := &record{}
	var data []byte
	s.i++
	for s.peek() != '}' {
		name := text(s.value())
		s.peek() // the colon
		s.i++
		raw := s.value()
		if s.peek() == ',' {
			s.i++
		}
		switch name {
		case "data", "data_base64":
			bit := sawData
			if name == "data_base64" {
				bit = sawBase64
				if string(raw) == "null" {
					continue
				}
			}
			if err := r.saw(bit, name); err != nil {
				return event.Event{}, err
			}
			data = raw
		default:
			if err := r.setJSON(name, raw); err != nil {
				return event.Event{}, err
			}
		}
	}
	s.i++
	if err := r.check(); err != nil {
		return event.Event{}, err
	}
	e := event.Event{Context: &r.ctx}
	if err := r.setData(&e, data); err != nil {
		return event.Event{}, err
	}
	return e, nil
}

// setJSON gives an attribute its JSON value (JSON event format, 2.2); null is
// as if it were absent.
func (r *record) setJSON(name string, raw []byte) error {
	switch c := raw[0]; {
	case c == 'n':
		return nil
	case c == '"':
		return r.set(name, text(raw))
	case reserved(name):
		return attributeError(name, "must be a JSON string")
	case c == 't' || c == 'f':
		return r.setExtension(name, c == 't')
	case c == '{' || c == '[':
		return attributeError(name, "must be a JSON string, number or boolean")
	default:
		n, err := strconv.ParseInt(string(raw), 10, 32)
		if err != nil {
			return attributeError(name, "must be an integer of 32 bits, or a string (CloudEvents 1.0.2, 3, type system)")
		}
		return r.setExtension(name, int32(n))
	}
}

// setData gives e its data from the member that held it (JSON event format,
// 3.1).
func (r *record) setData(e *event.Event, raw []byte) error {
	switch r.seen & (sawData | sawBase64) {
	case sawData | sawBase64:
		return attributeError("data", "and data_base64 exclude each other (JSON event format, 3.1)")
	case sawBase64:
		if raw[0] != '"' {
			return attributeError("data_base64", "must be a JSON string")
		}
		data, err := base64.StdEncoding.DecodeString(text(raw))
		if err != nil {
			return attributeError("data_base64", "must be base64 (RFC 4648, 4): "+err.Error())
		}
		e.DataEncoded = data
		e.DataBase64 = true
	case sawData:
		if raw[0] == '"' && !IsJSON(r.contentType) {
			e.DataEncoded = []byte(text(raw))
		} else {
			e.DataEncoded = raw
		}
	}
	return nil
}

// text returns the content of a raw JSON string.
func text(raw []byte) string {
	if len(raw) < 2 {
		return ""
	}
	for _, c := range raw {
		if c == '\\' {
			var s string
			if err := json.Unmarshal(raw, &s); err != nil { // never: raw is valid
				return ""
			}
			return s
		}
	}
	return string(raw[1 : len(raw)-1])
}
