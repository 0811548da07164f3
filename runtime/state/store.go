package state

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/dapr"
)

// Store keeps values of type T in a state store. It is safe for concurrent
// use and holds no connection of its own: make it a package-level variable.
type Store[T any] struct{ name string }

// Of returns the state store called name, as the mesh declares it. Nothing is
// looked up or opened before the first call. Several Stores, also of different
// types, may share a name and with it their keys.
func Of[T any](name string) *Store[T] { return &Store[T]{name: name} }

// Item is a value with the etag that it had when it was read.
type Item[T any] struct {
	Key   string
	Value T
	// ETag changes with each write of the key; "" if it was not found.
	ETag string
	// Found says whether the key exists.
	Found bool
}

// Get returns the value of a key. If there is none, it is the zero value and
// false; that is no error.
func (s *Store[T]) Get(ctx context.Context, key string) (T, bool, error) {
	item, err := s.GetItem(ctx, key)
	return item.Value, item.Found, err
}

// GetItem returns the value of a key with its etag, for a later Set or Delete
// with IfMatch.
func (s *Store[T]) GetItem(ctx context.Context, key string) (Item[T], error) {
	c, err := s.client(ctx, "get", key)
	if err != nil {
		return Item[T]{}, err
	}
	records, err := c.Get(ctx, s.name, []string{key})
	if err != nil {
		return Item[T]{}, err
	}
	return s.item(records[0])
}

// GetMany returns the values of those keys that exist, in one call.
func (s *Store[T]) GetMany(ctx context.Context, keys ...string) (map[string]T, error) {
	values := make(map[string]T, len(keys))
	if len(keys) == 0 {
		return values, nil
	}
	c, err := s.client(ctx, "get", keys...)
	if err != nil {
		return nil, err
	}
	records, err := c.Get(ctx, s.name, keys)
	if err != nil {
		return nil, err
	}
	for _, r := range records {
		if !r.Found {
			continue
		}
		item, err := s.item(r)
		if err != nil {
			return nil, err
		}
		values[r.Key] = item.Value
	}
	return values, nil
}

// Set writes a value, whatever was there before; with IfMatch or IfMissing only
// under that condition, and with TTL for a time.
func (s *Store[T]) Set(ctx context.Context, key string, v T, opts ...SetOption) error {
	c, err := s.client(ctx, "set", key)
	if err != nil {
		return err
	}
	w, err := s.write(key, v, opts)
	if err != nil {
		return err
	}
	return c.Apply(ctx, s.name, []component.Write{w})
}

// SetMany writes the values of several keys in one call, which reads nothing
// before: all or none, as far as Transaction promises it for the store. The
// options hold for each key: with IfMissing a single key that exists is an
// ErrConflict for all of them. Where new values depend on old ones, use
// Transaction. The values together may be 4 MiB.
func (s *Store[T]) SetMany(ctx context.Context, values map[string]T, opts ...SetOption) error {
	if len(values) == 0 {
		return nil
	}
	// In the same order from everyone: databases lock rows as they write them.
	keys := slices.Sorted(maps.Keys(values))
	c, err := s.client(ctx, "set", keys...)
	if err != nil {
		return err
	}
	writes := make([]component.Write, len(keys))
	for i, k := range keys {
		if writes[i], err = s.write(k, values[k], opts); err != nil {
			return err
		}
	}
	if len(writes) > 1 && writes[0].ETag != "" {
		return fail(s.name, fmt.Sprintf("set %d keys", len(keys)), errors.New("IfMatch is for one key, as an etag is one key's: use Transaction"))
	}
	return c.Apply(ctx, s.name, writes)
}

// Delete removes a key; with IfMatch only if it still has that etag. To delete
// what does not exist is no error.
func (s *Store[T]) Delete(ctx context.Context, key string, opts ...DeleteOption) error {
	c, err := s.client(ctx, "delete", key)
	if err != nil {
		return err
	}
	w := component.Write{Key: key, Delete: true}
	for _, o := range opts {
		if err := o.remove(&w); err != nil {
			return fail(s.name, "delete "+strconv.Quote(key), err)
		}
	}
	return c.Apply(ctx, s.name, []component.Write{w})
}

// client finds who answers, and sees that the keys are some.
func (s *Store[T]) client(ctx context.Context, what string, keys ...string) (*component.Client, error) {
	for _, k := range keys {
		if k == "" {
			return nil, fail(s.name, what, errNoKey)
		}
	}
	c, err := dapr.From(ctx)
	if err != nil {
		return nil, fail(s.name, what, err)
	}
	return c, nil
}

var errNoKey = errors.New("the key is empty")

func (s *Store[T]) item(r component.Record) (Item[T], error) {
	item := Item[T]{Key: r.Key, ETag: r.ETag, Found: r.Found}
	if !r.Found {
		return item, nil
	}
	if err := component.Decode(r.Value, &item.Value); err != nil {
		return Item[T]{}, fail(s.name, "get "+strconv.Quote(r.Key), fmt.Errorf("what is stored is no %T: %w", item.Value, err))
	}
	return item, nil
}

func (s *Store[T]) write(key string, v T, opts []SetOption) (component.Write, error) {
	w := component.Write{Key: key}
	var err error
	if w.Value, err = component.Encode(v); err != nil {
		return w, fail(s.name, "set "+strconv.Quote(key), fmt.Errorf("the value is not JSON-able: %w", err))
	}
	for _, o := range opts {
		if err := o.set(&w); err != nil {
			return w, fail(s.name, "set "+strconv.Quote(key), err)
		}
	}
	return w, nil
}
