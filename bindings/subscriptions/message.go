package subscriptions

import (
	"encoding/json"
	"errors"
	"maps"
	"strings"

	"github.com/dapr/components-contrib/contenttype"
	"github.com/dapr/components-contrib/pubsub"
)

// Names of metadata that daprd sets or reads on a message.
const (
	metaPubSub      = "pubsubName"
	metaContentType = "content-type"
	// metaAttribute begins the metadata that hold the attributes of an event in
	// binary mode.
	metaAttribute = "ce_"
)

// message is one on its way to a subscriber.
type message struct {
	pubsub.NewMessage
	// PubSub is the component that it came by.
	PubSub string
	// Event is the CloudEvent that it holds, or that it was made into.
	Event map[string]any
	// Body is the CloudEvent as the subscriber gets it.
	Body []byte
	Path string
}

// errExpired says that the time to live of an event has passed.
var errExpired = errors.New("the event has expired")

// read makes a message of what came from the component: unwraps it, and finds
// its route. The message is valid with an error, for the dead-letter topic.
//
// What came is not altered: an in-process component hands the same to others.
func (w *want) read(msg *pubsub.NewMessage) (*message, error) {
	m := &message{NewMessage: *msg, PubSub: w.PubSub, Body: msg.Data}
	m.Metadata = make(map[string]string, len(msg.Metadata)+2)
	maps.Copy(m.Metadata, msg.Metadata)
	if m.Topic == "" {
		m.Topic = w.Topic
	}
	if msg.ContentType != nil {
		m.Metadata[metaContentType] = *msg.ContentType
	}
	m.Metadata[metaPubSub] = w.PubSub

	var err error
	switch {
	case w.raw:
		m.Event = pubsub.FromRawPayload(msg.Data, m.Topic, w.PubSub)
		m.traced(true)
		m.Body, err = json.Marshal(m.Event)
	case contenttype.IsBinaryContentType(m.Metadata[metaContentType]):
		m.Event = make(map[string]any, len(m.Metadata))
		for k, v := range m.Metadata {
			if name, ok := strings.CutPrefix(strings.ToLower(k), metaAttribute); ok {
				m.Event[name] = v
			}
		}
		m.Event[pubsub.DataField] = msg.Data
		m.Event[pubsub.DataContentTypeField] = m.Metadata[metaContentType]
	default:
		if err = json.Unmarshal(msg.Data, &m.Event); err == nil {
			if m.Event == nil {
				m.Event = make(map[string]any)
			}
			m.traced(false)
		}
	}
	if err != nil {
		return m, err
	}
	if pubsub.HasExpired(m.Event) {
		return m, errExpired
	}
	m.Path, err = route(w.rules, m.Event)
	return m, err
}

// traced puts the trace that the message's metadata tell into the event; over
// what the event says itself, or only where it says nothing. A traceparent
// stands for the traceid too (daprd's rule).
func (m *message) traced(over bool) {
	set := func(field, value string) {
		if _, ok := m.Event[field]; over || !ok {
			m.Event[field] = value
		}
	}
	_, hadParent := m.Event[pubsub.TraceParentField]
	if v, ok := m.Metadata[pubsub.TraceIDField]; ok {
		set(pubsub.TraceIDField, v)
	}
	if v, ok := m.Metadata[pubsub.TraceParentField]; ok && (over || !hadParent) {
		m.Event[pubsub.TraceParentField] = v
		m.Event[pubsub.TraceIDField] = v
	}
	if v, ok := m.Metadata[pubsub.TraceStateField]; ok {
		set(pubsub.TraceStateField, v)
	}
}

// text gives an attribute of the event if it is a string.
func (m *message) text(attribute string) string {
	s, _ := m.Event[attribute].(string)
	return s
}
