// Package memory keeps the components of a test in memory: state with etags,
// times to live and transactions, what has been published, calls of bindings,
// and secrets. It answers as the engine does, errors included.
package memory

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/weftmesh/weft/runtime/internal/component"
)

// Limit of what one call may send, in bytes: that of the Dapr API (daprd's
// --max-body-size).
const Limit = 4 << 20

// Memory is a component.Backend. The zero value is ready to use: it has each
// store, topic and binding that it is asked for, empty.
type Memory struct {
	mu        sync.Mutex
	ahead     time.Duration // of the machine's clock
	version   int
	stores    map[string]map[string]value
	published []component.Message
	bound     []component.Invocation
	stubs     map[string]func(component.Invocation) (component.Reply, error)
	secrets   map[string]map[string]map[string]string
	faults    map[string]*fault
}

var _ component.Backend = (*Memory)(nil)

// value of a key.
type value struct {
	data    []byte
	etag    string
	expires time.Time // zero for never
}

// fault of a component: its next calls fail.
type fault struct {
	left int // negative for all
	err  error
}

// Fail makes the next n calls of a component fail with err, all of them if n
// is negative, none any more if it is 0. A component.ErrConflict hits writes of
// state only.
func (m *Memory) Fail(name string, n int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.faults == nil {
		m.faults = map[string]*fault{}
	}
	m.faults[name] = &fault{left: n, err: err}
}

// fault returns the kind and the cause of the fault that a call meets.
func (m *Memory) fault(ctx context.Context, name string, write bool) (kind, cause error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f := m.faults[name]
	if f == nil || f.left == 0 || errors.Is(f.err, component.ErrConflict) && !write {
		return nil, nil
	}
	if f.left > 0 {
		f.left--
	}
	for _, k := range []error{
		component.ErrConflict, component.ErrNotDeclared, component.ErrNotFound, component.ErrTooLarge,
		component.ErrDenied, component.ErrUnsupported, component.ErrUnavailable,
	} {
		if f.err == k {
			return k, nil
		}
	}
	return nil, f.err
}

// Advance moves the clock by which keys expire.
func (m *Memory) Advance(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.ahead += d
}

// lookup returns the value of a key that has not expired.
func (m *Memory) lookup(store, key string) (value, bool) {
	v, ok := m.stores[store][key]
	if ok && !v.expires.IsZero() && !v.expires.After(time.Now().Add(m.ahead)) {
		delete(m.stores[store], key)
		return value{}, false
	}
	return v, ok
}

// Keys returns the keys of a store, sorted.
func (m *Memory) Keys(store string) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for _, k := range slices.Sorted(maps.Keys(m.stores[store])) {
		if _, ok := m.lookup(store, k); ok {
			keys = append(keys, k)
		}
	}
	return keys
}

// Peek reads a key, whatever faults there are.
func (m *Memory) Peek(store, key string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.lookup(store, key)
	return v.data, ok
}

// Put writes a key, whatever faults there are.
func (m *Memory) Put(store, key string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(store, component.Write{Key: key, Value: data})
}

func (m *Memory) put(store string, w component.Write) {
	if w.Delete {
		delete(m.stores[store], w.Key)
		return
	}
	if m.stores == nil {
		m.stores = map[string]map[string]value{}
	}
	if m.stores[store] == nil {
		m.stores[store] = map[string]value{}
	}
	m.version++
	v := value{data: slices.Clone(w.Value), etag: strconv.Itoa(m.version)}
	if w.TTL > 0 {
		v.expires = time.Now().Add(m.ahead + (w.TTL + time.Second - 1).Truncate(time.Second))
	}
	m.stores[store][w.Key] = v
}

// Get implements component.Backend.
func (m *Memory) Get(ctx context.Context, store string, keys []string) ([]component.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	what := fmt.Sprintf("get %d keys", len(keys))
	if len(keys) == 1 {
		what = "get " + strconv.Quote(keys[0])
	}
	if kind, cause := m.fault(ctx, store, false); kind != nil || cause != nil {
		return nil, component.StateError(store, what, kind, cause)
	}
	records := make([]component.Record, len(keys))
	for i, k := range keys {
		v, ok := m.lookup(store, k)
		records[i] = component.Record{Key: k, Value: slices.Clone(v.data), ETag: v.etag, Found: ok}
	}
	return records, nil
}

// Apply implements component.Backend.
func (m *Memory) Apply(ctx context.Context, store string, writes []component.Write) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	kind, cause := m.fault(ctx, store, true)
	size := 0
	for _, w := range writes {
		size += len(w.Key) + len(w.Value)
	}
	if kind == nil && cause == nil && size > Limit {
		kind, cause = component.ErrTooLarge, fmt.Errorf("%d bytes, and a call takes %d", size, Limit)
	}
	if kind != nil || cause != nil {
		return component.StateError(store, describe(writes), kind, cause)
	}
	for _, w := range writes {
		v, ok := m.lookup(store, w.Key)
		if w.ETag != "" && v.etag != w.ETag || w.ETag == "" && w.Create && ok {
			return component.StateError(store, describe(writes), component.ErrConflict, nil)
		}
	}
	for _, w := range writes {
		m.put(store, w)
	}
	return nil
}

// describe says which call it is, in the words of package dapr.
func describe(writes []component.Write) string {
	switch {
	case len(writes) != 1:
		return fmt.Sprintf("transaction of %d writes", len(writes))
	case writes[0].Delete:
		return "delete " + strconv.Quote(writes[0].Key)
	default:
		return "set " + strconv.Quote(writes[0].Key)
	}
}
