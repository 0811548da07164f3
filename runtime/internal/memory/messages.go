package memory

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/weftmesh/weft/runtime/internal/component"
)

// Publish implements component.Backend.
func (m *Memory) Publish(ctx context.Context, msg component.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	kind, cause := m.fault(ctx, msg.Component, false)
	if kind == nil && cause == nil && len(msg.Data) > Limit {
		kind, cause = component.ErrTooLarge, fmt.Errorf("%d bytes, and a call takes %d", len(msg.Data), Limit)
	}
	if kind != nil || cause != nil {
		return component.PubSubError(msg.Component, msg.Topic, kind, cause)
	}
	msg.Data, msg.Metadata = slices.Clone(msg.Data), maps.Clone(msg.Metadata)
	m.published = append(m.published, msg)
	return nil
}

// Published returns what has been published on a topic, in order.
func (m *Memory) Published(name, topic string) []component.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	var messages []component.Message
	for _, msg := range m.published {
		if msg.Component == name && msg.Topic == topic {
			messages = append(messages, msg)
		}
	}
	return messages
}

// Stub makes a binding answer with f; without one it answers nothing.
func (m *Memory) Stub(name string, f func(component.Invocation) (component.Reply, error)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stubs == nil {
		m.stubs = map[string]func(component.Invocation) (component.Reply, error){}
	}
	m.stubs[name] = f
}

// Invoke implements component.Backend. A call is kept whether it succeeds or
// its stub fails; one that meets a staged fault has not reached the binding.
func (m *Memory) Invoke(ctx context.Context, i component.Invocation) (component.Reply, error) {
	f, err := m.invoke(ctx, &i)
	if err != nil || f == nil {
		return component.Reply{}, err
	}
	reply, err := f(i) // without the lock: a stub may look at the harness
	if err != nil {
		return component.Reply{}, component.BindingError(i.Name, i.Operation, nil, err)
	}
	return reply, nil
}

func (m *Memory) invoke(ctx context.Context, i *component.Invocation) (func(component.Invocation) (component.Reply, error), error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if kind, cause := m.fault(ctx, i.Name, false); kind != nil || cause != nil {
		return nil, component.BindingError(i.Name, i.Operation, kind, cause)
	}
	i.Data, i.Metadata = slices.Clone(i.Data), maps.Clone(i.Metadata)
	m.bound = append(m.bound, *i)
	return m.stubs[i.Name], nil
}

// Bound returns the calls of a binding, in order.
func (m *Memory) Bound(name string) []component.Invocation {
	m.mu.Lock()
	defer m.mu.Unlock()
	var calls []component.Invocation
	for _, i := range m.bound {
		if i.Name == name {
			calls = append(calls, i)
		}
	}
	return calls
}

// SetSecret adds a value to a secret.
func (m *Memory) SetSecret(store, key, name, v string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.secrets == nil {
		m.secrets = map[string]map[string]map[string]string{}
	}
	if m.secrets[store] == nil {
		m.secrets[store] = map[string]map[string]string{}
	}
	if m.secrets[store][key] == nil {
		m.secrets[store][key] = map[string]string{}
	}
	m.secrets[store][key][name] = v
}

// Secret implements component.Backend.
func (m *Memory) Secret(ctx context.Context, store, key string) (map[string]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kind, cause := m.fault(ctx, store, false)
	values := m.secrets[store][key]
	if kind == nil && cause == nil && values == nil {
		kind = component.ErrNotFound
	}
	if kind != nil || cause != nil {
		return nil, component.SecretError(store, key, kind, cause)
	}
	return maps.Clone(values), nil
}
