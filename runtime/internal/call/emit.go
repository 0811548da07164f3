package call

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
)

// Bounds of what one call may emit: all of it travels in one message, which
// the receiver bounds at 4 MiB.
const (
	MaxEmits     = 1000
	MaxEmitBytes = 4<<20 - 64<<10
	// envelope is a generous guess at the size of an event without its data.
	envelope = 512
)

// Errors of emitting.
var (
	ErrNoCall    = errors.New("emit outside a call: pass the context that the handler was given")
	ErrEnded     = errors.New("emit after the call ended: emit before the handler returns, not from a goroutine that outlives it")
	ErrStreaming = errors.New("emit after the answer began to stream: emit before the first Flush, and before writing more than 64 KiB")
)

// Emit is an event on its way to one function. Its attributes are those that
// the author set; id and source are given when it is sent.
type Emit struct {
	To    string
	Event event.Event
}

// Emit notes v for the function called to.
func (c *Call) Emit(to string, v any) error {
	if to == "" {
		return errors.New("emit to a function without a name")
	}
	e, err := encode(v)
	if err != nil {
		return fmt.Errorf("emit to %s: %w", to, err)
	}
	size := envelope + len(e.DataEncoded)
	if !wire.IsJSON(e.DataContentType()) {
		size += len(e.DataEncoded) / 3 // base64
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.state == ended:
		return ErrEnded
	case c.state == streaming:
		return ErrStreaming
	case len(c.emits) == MaxEmits:
		return fmt.Errorf("emit to %s: a call may emit at most %d events: emit fewer, larger ones", to, MaxEmits)
	case c.size+size > MaxEmitBytes:
		return fmt.Errorf("emit to %s: a call may emit at most %d bytes in all, and this would make %d: keep large data in a store and emit its key", to, MaxEmitBytes, c.size+size)
	}
	c.size += size
	c.emits = append(c.emits, Emit{To: to, Event: e})
	return nil
}

// Emits returns what has been emitted so far.
func (c *Call) Emits() []Emit {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.emits
}

// encode makes an event of a value, now, so that later changes of the value
// do not show.
func encode(v any) (event.Event, error) {
	switch v := v.(type) {
	case event.Event:
		return cloneEvent(&v)
	case *event.Event:
		if v != nil {
			return cloneEvent(v)
		}
	case json.RawMessage:
		if !json.Valid(v) {
			return event.Event{}, errors.New("the json.RawMessage is not valid JSON")
		}
		return dataEvent(contract.TypeJSON, append([]byte(nil), v...)), nil
	case []byte:
		contentType := contract.TypeJSON
		if !json.Valid(v) {
			contentType = "application/octet-stream"
		}
		return dataEvent(contentType, append([]byte(nil), v...)), nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return event.Event{}, fmt.Errorf("the value is not JSON-able: %w", err)
	}
	return dataEvent(contract.TypeJSON, b), nil
}

func cloneEvent(e *event.Event) (event.Event, error) {
	if e.Context == nil {
		return event.Event{}, errors.New("the event has no attributes: make it with event.New")
	}
	if len(e.FieldErrors) > 0 {
		return event.Event{}, fmt.Errorf("the event has a fault: %w", event.ValidationError(e.FieldErrors))
	}
	clone := e.Clone()
	clone.Context = clone.Context.AsV1()
	return clone, nil
}

func dataEvent(contentType string, data []byte) event.Event {
	return event.Event{Context: &event.EventContextV1{DataContentType: &contentType}, DataEncoded: data, DataBase64: !wire.IsJSON(contentType)}
}
