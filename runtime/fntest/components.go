package fntest

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/runtime/internal/component"
)

// SetState puts a value into a state store, as state.Store.Set does: JSON, and
// a []byte as it is. Each harness has stores of its own, in memory, whatever
// names a function uses.
func (h *Harness) SetState(store, key string, v any) {
	h.t.Helper()
	data, err := component.Encode(v)
	if err != nil {
		h.t.Fatalf("fntest: state %s: %q: %v", store, key, err)
	}
	h.memory.Put(store, key, data)
}

// State reads the value of a key into v, a pointer, and says whether the key
// exists. The test fails if the value does not fit.
func (h *Harness) State(store, key string, v any) bool {
	h.t.Helper()
	data, ok := h.memory.Peek(store, key)
	if !ok {
		return false
	}
	if err := component.Decode(data, v); err != nil {
		h.t.Fatalf("fntest: state %s: %q: %v: %s", store, key, err, data)
	}
	return true
}

// StateAs returns the value of a key. The test fails if there is none, or if it
// is no T.
func StateAs[T any](h *Harness, store, key string) T {
	h.t.Helper()
	var v T
	if !h.State(store, key, &v) {
		h.t.Fatalf("fntest: state %s has no %q; it has: %s", store, key, strings.Join(h.StateKeys(store), ", "))
	}
	return v
}

// StateKeys returns the keys of a state store, sorted.
func (h *Harness) StateKeys(store string) []string { return h.memory.Keys(store) }

// Advance moves the clock by which state expires.
func (h *Harness) Advance(d time.Duration) { h.memory.Advance(d) }

// FailNext makes the next n calls of a component fail, of a state store, a
// pub/sub component, a binding or a secret store; all of them if n is negative,
// none any more if it is 0. With an error of the package in question the
// function meets what it would meet in production:
//
//	h.FailNext("order-state", 1, state.ErrConflict)     // someone else was first
//	h.FailNext("order-state", -1, state.ErrUnavailable) // the engine is gone
//	h.FailNext("email", -1, binding.ErrNoBinding)       // not declared in the mesh
//
// Any other error stands for a fault of the component's own. ErrConflict counts
// and fails writes of state only; what was staged or asserted by the harness
// itself never fails.
func (h *Harness) FailNext(component string, n int, err error) { h.memory.Fail(component, n, err) }

// SetSecret puts a secret with one value into a secret store.
func (h *Harness) SetSecret(store, key, value string) {
	h.memory.SetSecret(store, key, key, value)
}

// Published returns what has been published on a topic, in order, as
// subscribers get it. Of what was published raw, only the data is the
// author's.
func (h *Harness) Published(pubsub, topic string) []event.Event {
	h.t.Helper()
	var events []event.Event
	for n, m := range h.memory.Published(pubsub, topic) {
		e, err := publishedEvent(m, n)
		if err != nil {
			h.t.Fatalf("fntest: published on %s of %s: %v", topic, pubsub, err)
		}
		events = append(events, e)
	}
	return events
}

// publishedEvent makes the event that Dapr would (its pub/sub API, "CloudEvents
// specification").
func publishedEvent(m component.Message, n int) (event.Event, error) {
	e := event.New()
	if m.ContentType == contract.TypeEvent && m.Metadata["rawPayload"] != "true" {
		err := json.Unmarshal(m.Data, &e)
		return e, err
	}
	e.SetID(fmt.Sprintf("test-%s-%d", m.Topic, n+1))
	e.SetSource("test")
	e.SetType("com.dapr.event.sent")
	e.SetDataContentType(m.ContentType)
	e.SetExtension("pubsubname", m.Component)
	e.SetExtension("topic", m.Topic)
	e.DataEncoded = m.Data
	for name, value := range m.Metadata {
		switch name {
		case "cloudevent.id":
			e.SetID(value)
		case "cloudevent.source":
			e.SetSource(value)
		case "cloudevent.type":
			e.SetType(value)
		case "cloudevent.subject":
			e.SetSubject(value)
		}
	}
	return e, nil
}

// PublishedAs returns the data of what has been published on a topic. The test
// fails if it is no T.
func PublishedAs[T any](h *Harness, pubsub, topic string) []T {
	h.t.Helper()
	var values []T
	for _, e := range h.Published(pubsub, topic) {
		var v T
		if err := component.Decode(e.Data(), &v); err != nil {
			h.t.Fatalf("fntest: published on %s of %s: %v: %s", topic, pubsub, err, e.Data())
		}
		values = append(values, v)
	}
	return values
}

// Invocation is a call of a binding.
type Invocation struct {
	Operation string
	Data      []byte
	Metadata  map[string]string
}

// Bound returns the calls of a binding, in order; without those that FailNext
// kept from it.
func (h *Harness) Bound(binding string) []Invocation {
	var calls []Invocation
	for _, i := range h.memory.Bound(binding) {
		calls = append(calls, Invocation{i.Operation, i.Data, i.Metadata})
	}
	return calls
}

// StubBinding makes a binding answer with what f returns: JSON of it, a []byte
// as it is, nothing for nil. An error is the component's.
func (h *Harness) StubBinding(binding string, f func(Invocation) (any, error)) {
	h.memory.Stub(binding, func(i component.Invocation) (component.Reply, error) {
		answer, err := f(Invocation{i.Operation, i.Data, i.Metadata})
		if err != nil || answer == nil {
			return component.Reply{}, err
		}
		data, err := component.Encode(answer)
		return component.Reply{Data: data}, err
	})
}
