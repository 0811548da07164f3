package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/weftmesh/weft/runtime/internal/component"
)

// How often Update and Transaction begin again, and how long they pause
// before: a random time of up to minPause, doubled each time up to maxPause.
// Together the pauses come to some 2 s at the most.
const (
	maxAttempts = 20
	minPause    = time.Millisecond
	maxPause    = 200 * time.Millisecond
)

// Update changes the value of a key: it reads it, calls f with it, and writes
// it back if no one else has written the key since, else it begins again. A key
// that does not exist gives f the zero value, and is written only if it still
// does not exist. If f leaves the value as it was, nothing is written. If f
// returns an error, nothing is written and Update returns that error as it is.
//
// f may be called several times and must do nothing but change the value. It
// must not use the same key by other means: calls of Update and Transaction in
// one process take turns per key, so that they never conflict with each other,
// and would wait for themselves.
//
// After 20 attempts, some 2 s, the error is ErrConflict; it comes at once with
// the context's end.
func (s *Store[T]) Update(ctx context.Context, key string, f func(v *T) error, opts ...UpdateOption) error {
	what := "update " + strconv.Quote(key)
	c, err := s.client(ctx, "update", key)
	if err != nil {
		return err
	}
	var options component.Write
	for _, o := range opts {
		if err := o.update(&options); err != nil {
			return fail(s.name, what, err)
		}
	}
	return retry(ctx, c, s.name, what, []string{key}, func() error {
		records, err := c.Get(ctx, s.name, []string{key})
		if err != nil {
			return err
		}
		item, err := s.item(records[0])
		if err != nil {
			return err
		}
		if err := f(&item.Value); err != nil {
			return callbackError{err}
		}
		w, err := s.write(key, item.Value, nil)
		if err != nil {
			return err
		}
		w.TTL = options.TTL
		if item.Found && w.TTL == 0 && bytes.Equal(w.Value, records[0].Value) {
			return nil
		}
		unchanged(&w, records[0])
		return c.Apply(ctx, s.name, []component.Write{w})
	})
}

// unchanged makes a write depend on what was read. A store without etags has
// nothing that it could depend on.
func unchanged(w *component.Write, r component.Record) {
	w.ETag, w.Create = r.ETag, !r.Found
}

// callbackError is an error of the author's, which ends a retry.
type callbackError struct{ error }

// retry calls try, with the locks of the keys, until it returns something else
// than a conflict.
func retry(ctx context.Context, c *component.Client, store, what string, keys []string, try func() error) error {
	locks := make([]string, len(keys))
	for i, k := range keys {
		locks[i] = store + "\x00" + k
	}
	unlock, err := c.Locks.Lock(ctx, locks...)
	if err != nil {
		return fail(store, what, fmt.Errorf("waiting for calls of this process that change the same keys: %w", err))
	}
	defer unlock()
	pause := minPause
	for attempt := 1; ; attempt++ {
		err := try()
		var own callbackError
		switch {
		case errors.As(err, &own):
			return own.error
		case err == nil || !errors.Is(err, ErrConflict):
			return err
		case attempt == maxAttempts:
			return fail(store, what, fmt.Errorf("%d attempts: %w", attempt, err))
		}
		timer := time.NewTimer(rand.N(pause) + 1)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fail(store, what, fmt.Errorf("%w, after %d attempts: %w", ctx.Err(), attempt, err))
		}
		pause = min(2*pause, maxPause)
	}
}
