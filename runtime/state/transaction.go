package state

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/dapr"
)

// Transaction changes several keys of a store together: it reads all of them
// in one call, calls f, and writes what f has set and deleted in one
// transaction, if no one else has written those keys since, else it begins
// again. All is written or nothing.
//
//	err := state.Transaction(ctx, "order-state", append(skus, "order/"+o.ID), func(tx *state.Tx) error {
//		decision, done, err := decisions.In(tx).Get("order/" + o.ID)
//		if err != nil || done {
//			return err // an event that comes again finds what was decided
//		}
//		for _, sku := range skus {
//			s, _, err := stock.In(tx).Get(sku)
//			…
//			if err := stock.In(tx).Set(sku, s); err != nil {
//				return err
//			}
//		}
//		return decisions.In(tx).Set("order/"+o.ID, decision)
//	})
//
// f uses no other keys than these, by Store.In. If f returns an error, nothing
// is written and Transaction returns that error as it is; if it sets nothing,
// nothing is written either. f may be called several times and must have no
// other effects. A key that f has read and not written may have changed by the
// time of the writing: set it to the value it has where that matters.
//
// Calls in one process take turns per key, as with Update, and the same bounds
// hold: 20 attempts, some 2 s, and then ErrConflict. The values together may
// be 4 MiB.
//
// How much "all or nothing" is worth, the component decides: state.embedded,
// state.in-memory, state.sqlite and state.postgresql keep it. Redis has no
// rollback: where Dapr itself serves state.redis, a write whose key has changed
// meanwhile is left out and the others are made.
func Transaction(ctx context.Context, store string, keys []string, f func(tx *Tx) error) error {
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	what := fmt.Sprintf("transaction on %d keys", len(keys))
	if slices.Contains(keys, "") {
		return fail(store, what, errNoKey)
	}
	c, err := dapr.From(ctx)
	if err != nil {
		return fail(store, what, err)
	}
	return retry(ctx, c, store, what, keys, func() error {
		tx := &Tx{store: store, keys: make(map[string]*entry, len(keys))}
		if len(keys) > 0 {
			records, err := c.Get(ctx, store, keys)
			if err != nil {
				return err
			}
			for _, r := range records {
				tx.keys[r.Key] = &entry{record: r}
			}
		}
		if err := f(tx); err != nil {
			return callbackError{err}
		}
		var writes []component.Write
		for _, k := range keys {
			if e := tx.keys[k]; e.write != nil && !(e.write.Delete && !e.record.Found) {
				unchanged(e.write, e.record)
				writes = append(writes, *e.write)
			}
		}
		if len(writes) == 0 {
			return nil
		}
		return c.Apply(ctx, store, writes)
	})
}

// Tx is what a transaction has read and will write. It belongs to one call of
// the function that it was given to.
type Tx struct {
	store string
	keys  map[string]*entry
}

// entry is a key as it was read, and what shall become of it.
type entry struct {
	record component.Record
	write  *component.Write
}

// View is a Store within a transaction. It calls no one: reads are answered
// from what the transaction has read and set.
type View[T any] struct {
	store *Store[T]
	tx    *Tx
}

// In returns the store within a transaction, which must be on the store of
// the same name.
func (s *Store[T]) In(tx *Tx) View[T] { return View[T]{s, tx} }

// Get returns the value of a key, as Store.Get does; what the transaction has
// set itself, if it has.
func (v View[T]) Get(key string) (T, bool, error) {
	var zero T
	e, err := v.entry("get", key)
	if err != nil {
		return zero, false, err
	}
	r := e.record
	if e.write != nil {
		r.Value, r.Found = e.write.Value, !e.write.Delete
	}
	item, err := v.store.item(r)
	return item.Value, item.Found, err
}

// Set writes a value, when the transaction is carried out.
func (v View[T]) Set(key string, value T, opts ...UpdateOption) error {
	e, err := v.entry("set", key)
	if err != nil {
		return err
	}
	w, err := v.store.write(key, value, nil)
	if err != nil {
		return err
	}
	for _, o := range opts {
		if err := o.update(&w); err != nil {
			return fail(v.tx.store, "set "+strconv.Quote(key), err)
		}
	}
	e.write = &w
	return nil
}

// Delete removes a key, when the transaction is carried out.
func (v View[T]) Delete(key string) error {
	e, err := v.entry("delete", key)
	if err != nil {
		return err
	}
	e.write = &component.Write{Key: key, Delete: true}
	return nil
}

func (v View[T]) entry(what, key string) (*entry, error) {
	if v.store.name != v.tx.store {
		return nil, fail(v.tx.store, what+" "+strconv.Quote(key), fmt.Errorf("the transaction is on %s, and the key is of %s: all keys of a transaction are in one store", v.tx.store, v.store.name))
	}
	e := v.tx.keys[key]
	if e == nil {
		return nil, fail(v.tx.store, what+" "+strconv.Quote(key), fmt.Errorf("the transaction has not read this key: name it in its list of keys"))
	}
	return e, nil
}
