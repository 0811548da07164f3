// Package pubsub publishes to the topics of the pub/sub components that a mesh
// declares.
//
//	err := pubsub.Publish(ctx, "orders-pubsub", "orders.accepted", order)
//
// Subscribers get a CloudEvent, which the engine makes: it carries the trace of
// the call that published it. What is published is sent at once, also if the
// handler fails afterwards and is called again: subscribers see it twice. To
// send something only once the handler has succeeded, link the functions in
// the mesh and use fn.Emit.
package pubsub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/dapr"
)

// Errors to test for with errors.Is. A handler may return them as they are: the
// event is tried again.
var (
	// ErrNoComponent: the mesh has no such pub/sub component for this function.
	ErrNoComponent = component.ErrNotDeclared
	// ErrDenied: the component's scopes do not let this function publish to
	// the topic.
	ErrDenied = component.ErrDenied
	// ErrTooLarge: the message is more than a call of the Dapr API takes, 4 MiB.
	ErrTooLarge = component.ErrTooLarge
	// ErrUnavailable: the engine does not answer.
	ErrUnavailable = component.ErrUnavailable
	// ErrNoEngine: the function runs without an engine, and its context is not
	// that of a fntest harness.
	ErrNoEngine = component.ErrNoEngine
)

// Option changes how a message is published.
type Option interface {
	apply(m *component.Message) error
}

type option func(m *component.Message) error

func (o option) apply(m *component.Message) error { return o(m) }

// TTL lets the message expire if it is not delivered within d, in whole
// seconds rounded up.
func TTL(d time.Duration) Option {
	return option(func(m *component.Message) error {
		if d <= 0 {
			return errors.New("a TTL must be positive: leave it out for a message that does not expire")
		}
		m.Metadata["ttlInSeconds"] = strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
		return nil
	})
}

// Raw publishes the data as it is, for subscribers that take no CloudEvents
// (Dapr's rawPayload).
func Raw() Option { return Metadata("rawPayload", "true") }

// Metadata sets one entry of the message's metadata, which the component
// understands: see its page in Dapr's reference. Entries such as cloudevent.id
// and cloudevent.type set attributes of the CloudEvent.
func Metadata(name, value string) Option {
	return option(func(m *component.Message) error { m.Metadata[name] = value; return nil })
}

// ContentType says what the data is, where it is a []byte or string.
func ContentType(mime string) Option {
	return option(func(m *component.Message) error { m.ContentType = mime; return nil })
}

// Publish puts v on a topic of a pub/sub component, and returns when the
// component has it: JSON of the value; a []byte as it is, application/json if
// it parses as such; a string as text/plain. An event.Event, or a
// pointer to one, keeps its attributes.
func Publish(ctx context.Context, name, topic string, v any, opts ...Option) error {
	m := component.Message{Component: name, Topic: topic, Metadata: map[string]string{}}
	err := encode(&m, v)
	for _, o := range opts {
		if err == nil {
			err = o.apply(&m)
		}
	}
	switch {
	case err != nil:
	case name == "" || topic == "":
		err = errors.New("component and topic must have names")
	case strings.HasPrefix(topic, "weft."):
		err = fmt.Errorf("topics that begin with weft. carry the links of a mesh: use fn.Emit to send to a function")
	}
	var c *component.Client
	if err == nil {
		c, err = dapr.From(ctx)
	}
	if err != nil {
		return fmt.Errorf("pubsub %s: publish to %q: %w", name, topic, err)
	}
	return c.Publish(ctx, m)
}

func encode(m *component.Message, v any) (err error) {
	switch v := v.(type) {
	case []byte:
		m.Data, m.ContentType = v, contract.TypeJSON
		if !json.Valid(v) {
			m.ContentType = "application/octet-stream"
		}
	case string:
		m.Data, m.ContentType = []byte(v), "text/plain"
		if !utf8.ValidString(v) {
			m.ContentType = "application/octet-stream"
		}
	case event.Event:
		m.ContentType = contract.TypeEvent
		m.Data, err = json.Marshal(v)
	case *event.Event:
		if v == nil {
			return errors.New("the event is nil")
		}
		return encode(m, *v)
	default:
		m.ContentType = contract.TypeJSON
		if m.Data, err = json.Marshal(v); err != nil {
			err = fmt.Errorf("the value is not JSON-able: %w", err)
		}
	}
	return err
}
