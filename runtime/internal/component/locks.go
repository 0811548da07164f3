package component

import (
	"context"
	"slices"
	"sync"
)

// Locks are held by key, each by one goroutine at a time. The zero value is
// ready to use.
type Locks struct {
	mu   sync.Mutex
	held map[string]*lock
}

// lock is one key's. It lives while someone holds or awaits it.
type lock struct {
	place chan struct{}
	users int
}

// Lock takes the locks of the keys, in an order that is the same for all so
// that two calls never await each other, and returns what gives them back. It
// fails when ctx ends before it has them all.
func (l *Locks) Lock(ctx context.Context, keys ...string) (unlock func(), err error) {
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	for i, k := range keys {
		if err := l.lock(ctx, k); err != nil {
			l.unlock(keys[:i])
			return nil, err
		}
	}
	return func() { l.unlock(keys) }, nil
}

func (l *Locks) lock(ctx context.Context, key string) error {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]*lock{}
	}
	k := l.held[key]
	if k == nil {
		k = &lock{place: make(chan struct{}, 1)}
		l.held[key] = k
	}
	k.users++
	l.mu.Unlock()
	select {
	case k.place <- struct{}{}:
		return nil
	case <-ctx.Done():
		l.leave(key)
		return ctx.Err()
	}
}

func (l *Locks) unlock(keys []string) {
	for _, key := range keys {
		l.mu.Lock()
		k := l.held[key]
		l.mu.Unlock()
		<-k.place
		l.leave(key)
	}
}

func (l *Locks) leave(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.held[key]
	if k.users--; k.users == 0 {
		delete(l.held, key)
	}
}
