// Package adapt makes a host.Function of each kind of handler that authors
// write. fn registers them, fntest serves them in memory.
package adapt

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"strconv"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/cloudevents/sdk-go/v2/types"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/runtime/host"
	"github.com/weftmesh/weft/runtime/internal/call"
)

// RequestType is the type of the event that a CloudEvent function gets for a
// plain request.
const RequestType = "dev.weft.http.request"

// HTTP adapts an http.Handler.
func HTTP(name string, handler http.Handler) host.Function {
	return host.Function{Name: name, HTTP: handler}
}

// CloudEvent adapts a function of an event.
func CloudEvent(name string, f func(context.Context, event.Event) error) host.Function {
	return host.Function{Name: name, Func: func(ctx context.Context, in host.Input) (host.Output, error) {
		return host.Output{}, f(ctx, eventOf(ctx, &in))
	}}
}

// Typed adapts a function of a value.
func Typed[In, Out any](name string, f func(context.Context, In) (Out, error)) host.Function {
	return host.Function{Name: name, Func: func(ctx context.Context, in host.Input) (host.Output, error) {
		var v In
		if err := decode(ctx, &in, &v); err != nil {
			return host.Output{}, err
		}
		out, err := f(ctx, v)
		if err != nil {
			return host.Output{}, err
		}
		return encode(out)
	}}
}

// eventOf returns the event of an input. One is made of a plain request.
func eventOf(ctx context.Context, in *host.Input) event.Event {
	if in.Event != nil {
		return *in.Event
	}
	c := &event.EventContextV1{Source: types.URIRef{URL: url.URL{Path: in.Path}}, Type: RequestType}
	if known := call.From(ctx); known != nil {
		c.ID = known.EventID
	}
	if c.ID == "" {
		c.ID = strconv.FormatUint(rand.Uint64(), 36) + strconv.FormatUint(rand.Uint64(), 36)
	}
	if in.ContentType != "" {
		c.DataContentType = &in.ContentType
	}
	return event.Event{Context: c, DataEncoded: in.Body, DataBase64: !wire.IsJSON(in.ContentType)}
}

// decode makes the value of an input. A body or event without data is the zero
// value.
func decode(ctx context.Context, in *host.Input, v any) error {
	switch v := v.(type) {
	case *event.Event:
		*v = eventOf(ctx, in)
		return nil
	case *[]byte:
		*v = in.Body
		return nil
	}
	if len(bytes.TrimSpace(in.Body)) == 0 {
		return nil
	}
	if !wire.IsJSON(in.ContentType) {
		if s, ok := v.(*string); ok {
			*s = string(in.Body)
			return nil
		}
		return &call.Failure{Status: http.StatusUnsupportedMediaType, Err: fmt.Errorf("the function takes JSON, not %s: send it with Content-Type: %s", in.ContentType, contract.TypeJSON)}
	}
	if err := json.Unmarshal(in.Body, v); err != nil {
		return &call.Failure{Status: http.StatusBadRequest, Err: fmt.Errorf("the data is not what the function takes: %w", explain(err, v))}
	}
	return nil
}

// explain says where JSON goes wrong, in the words of someone who sends it.
func explain(err error, v any) error {
	if t, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		field := "the value"
		if t.Field != "" {
			field = "field " + t.Field
		}
		return fmt.Errorf("%s is a %s, and %s is wanted (at byte %d)", field, t.Value, kind(t.Type), t.Offset)
	}
	if s, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("%w (at byte %d)", err, s.Offset)
	}
	return fmt.Errorf("%s: %w", kind(reflect.TypeOf(v).Elem()), err)
}

// kind names the JSON that a Go type takes.
func kind(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "a boolean"
	case reflect.String:
		return "a string"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "an integer of type " + t.String()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return "an integer of type " + t.String() + ", 0 or above"
	case reflect.Pointer:
		return kind(t.Elem())
	default:
		return t.String()
	}
}

// encode makes the output of a value. What JSON calls null is none.
func encode(v any) (host.Output, error) {
	switch v := v.(type) {
	case event.Event:
		return eventsOutput(v)
	case *event.Event:
		if v == nil {
			return host.Output{}, nil
		}
		return eventsOutput(*v)
	case []event.Event:
		return eventsOutput(v...)
	case []byte:
		if v == nil {
			return host.Output{}, nil
		}
		contentType := contract.TypeJSON
		if !json.Valid(v) {
			contentType = "application/octet-stream"
		}
		return host.Output{ContentType: contentType, Body: v}, nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return host.Output{}, fmt.Errorf("the function's output is not JSON-able: %w", err)
	}
	if string(b) == "null" {
		return host.Output{}, nil
	}
	return host.Output{ContentType: contract.TypeJSON, Body: b}, nil
}

func eventsOutput(events ...event.Event) (host.Output, error) {
	for i := range events {
		if len(events[i].FieldErrors) > 0 {
			return host.Output{}, fmt.Errorf("the event that the function answers has a fault: %w", event.ValidationError(events[i].FieldErrors))
		}
	}
	return host.Output{Events: events}, nil
}
