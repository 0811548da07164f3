package components

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/dapr/components-contrib/state"
	"github.com/dapr/components-contrib/state/redis"
	"github.com/dapr/kit/logger"
)

// guardedRedis makes transactions on Redis all or nothing for the functions of
// one engine. Redis runs the commands of a MULTI whatever becomes of the others
// (its own documentation: no rollbacks), and components-contrib checks etags in
// those commands: a write whose key has changed is left out and the others are
// made. Here the keys are looked at first, and kept from other writers of this
// engine until the transaction is done.
type guardedRedis struct {
	*redis.StateStore
	keys stripes
}

func newRedis(log logger.Logger) state.Store {
	store, ok := redis.NewRedisStateStore(log).(*redis.StateStore)
	if !ok {
		panic("components: components-contrib's Redis store has another type than it exports")
	}
	return &guardedRedis{StateStore: store}
}

func (g *guardedRedis) Set(ctx context.Context, req *state.SetRequest) error {
	defer g.keys.lock(req.Key)()
	return g.StateStore.Set(ctx, req)
}

func (g *guardedRedis) Delete(ctx context.Context, req *state.DeleteRequest) error {
	defer g.keys.lock(req.Key)()
	return g.StateStore.Delete(ctx, req)
}

func (g *guardedRedis) BulkSet(ctx context.Context, reqs []state.SetRequest, opts state.BulkStoreOpts) error {
	keys := make([]string, len(reqs))
	for i := range reqs {
		keys[i] = reqs[i].Key
	}
	defer g.keys.lock(keys...)()
	return g.StateStore.BulkSet(ctx, reqs, opts)
}

func (g *guardedRedis) BulkDelete(ctx context.Context, reqs []state.DeleteRequest, opts state.BulkStoreOpts) error {
	keys := make([]string, len(reqs))
	for i := range reqs {
		keys[i] = reqs[i].Key
	}
	defer g.keys.lock(keys...)()
	return g.StateStore.BulkDelete(ctx, reqs, opts)
}

// Multi implements state.TransactionalStore. A condition that does not hold is
// a state.ETagError, and then nothing is written.
func (g *guardedRedis) Multi(ctx context.Context, req *state.TransactionalStateRequest) error {
	keys := make([]string, len(req.Operations))
	conditions := make(map[string]condition)
	for i, op := range req.Operations {
		keys[i] = op.GetKey()
		if c, ok := conditionOf(op); ok {
			conditions[keys[i]] = c
		}
	}
	defer g.keys.lock(keys...)()
	if err := g.check(ctx, conditions); err != nil {
		return err
	}
	return g.StateStore.Multi(ctx, req)
}

// condition is what must hold of a key: the etag, or "" for a key that is not
// there, for which components-contrib's Redis store also takes the etag 0. Its
// etags count from 1, so that -1 means the same and, unlike 0, fits no key that
// is there: runtime/state creates keys with it.
type condition struct{ etag string }

func conditionOf(op state.TransactionalStateOperation) (condition, bool) {
	switch op := op.(type) {
	case state.SetRequest:
		if op.HasETag() {
			return condition{*op.ETag}, true
		}
		return condition{}, op.Options.Concurrency == state.FirstWrite
	case state.DeleteRequest:
		if op.HasETag() {
			return condition{*op.ETag}, true
		}
	}
	return condition{}, false
}

func (g *guardedRedis) check(ctx context.Context, conditions map[string]condition) error {
	if len(conditions) == 0 {
		return nil
	}
	reqs := make([]state.GetRequest, 0, len(conditions))
	for key := range conditions {
		reqs = append(reqs, state.GetRequest{Key: key})
	}
	found, err := g.BulkGet(ctx, reqs, state.BulkGetOpts{Parallelism: len(reqs)})
	if err != nil {
		return err
	}
	for _, item := range found {
		if item.Error != "" {
			return fmt.Errorf("looking at key %s: %s", item.Key, item.Error)
		}
		var etag string
		if item.ETag != nil && len(item.Data) > 0 {
			etag = *item.ETag
		}
		if want := conditions[item.Key].etag; want != etag && !(etag == "" && (want == "0" || want == "-1")) {
			return state.NewETagError(state.ETagMismatch, errors.New("key "+item.Key+" has changed"))
		}
	}
	return nil
}

// stripes are locks for keys, many keys to a lock.
type stripes struct {
	seed  maphash.Seed
	once  sync.Once
	locks [64]sync.Mutex
}

// lock takes the locks of keys, always in the same order, and returns what
// gives them back.
func (s *stripes) lock(keys ...string) (unlock func()) {
	s.once.Do(func() { s.seed = maphash.MakeSeed() })
	taken := make([]int, len(keys))
	for i, key := range keys {
		taken[i] = int(maphash.String(s.seed, key) % uint64(len(s.locks)))
	}
	slices.Sort(taken)
	taken = slices.Compact(taken)
	for _, i := range taken {
		s.locks[i].Lock()
	}
	return func() {
		for _, i := range taken {
			s.locks[i].Unlock()
		}
	}
}
