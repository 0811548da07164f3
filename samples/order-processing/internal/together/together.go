// Package together has handlers share what they do at the same time.
package together

import (
	"context"
	"sync"
	"time"
)

// Bounds of what is done together.
const (
	maxTogether = 128
	maxTime     = 10 * time.Second
	// pace is the least time from one batch to the next. So a single request does
	// not wait, one of many waits for the others, and the number of calls of the
	// store has a bound however many requests there are.
	pace = 5 * time.Millisecond
)

// Group does in few calls of a store what many ask for: those who come while
// it is busy, and within 5 ms, are served together. So the load may grow, and
// the calls need not. A single one does not wait. It is safe for concurrent use.
type Group[In, Out any] struct {
	do func(context.Context, []In) ([]Out, error) // one result for each
	// turn holds an element while someone serves.
	turn chan struct{}
	// next is when the next batch may begin. It is whose turn it is.
	next time.Time

	mu      sync.Mutex
	waiting []*request[In, Out]
}

type request[In, Out any] struct {
	in   In
	out  Out
	err  error
	done chan struct{}
}

// New returns a Group that serves with do, which gets up to 128 requests and
// returns one result for each, in their order. do is not called again before it
// has returned.
func New[In, Out any](do func(context.Context, []In) ([]Out, error)) *Group[In, Out] {
	return &Group[In, Out]{do: do, turn: make(chan struct{}, 1)}
}

// Ask returns the result for in. Whoever is first serves all who wait.
func (t *Group[In, Out]) Ask(ctx context.Context, in In) (Out, error) {
	r := &request[In, Out]{in: in, done: make(chan struct{})}
	t.mu.Lock()
	t.waiting = append(t.waiting, r)
	t.mu.Unlock()
	for {
		select {
		case <-r.done:
			return r.out, r.err
		case <-ctx.Done():
			select {
			case <-r.done:
				return r.out, r.err
			default: // whoever serves next may do it all the same
				var none Out
				return none, ctx.Err()
			}
		case t.turn <- struct{}{}:
			t.serveOnce(ctx)
		}
	}
}

// serveOnce gives the turn back also where do panics: the others would wait for
// ever.
func (t *Group[In, Out]) serveOnce(ctx context.Context) {
	defer func() { <-t.turn }()
	t.serve(ctx)
}

func (t *Group[In, Out]) serve(ctx context.Context) {
	t.gather(ctx)
	batch := t.take()
	if len(batch) == 0 {
		return
	}
	// The others do not fail because the one who serves gives up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxTime)
	defer cancel()
	in := make([]In, len(batch))
	for i, r := range batch {
		in[i] = r.in
	}
	out, err := t.do(ctx, in)
	for i, r := range batch {
		if r.err = err; err == nil {
			r.out = out[i]
		}
		close(r.done)
	}
}

// gather waits until the next batch may begin, unless who waits gives up.
func (t *Group[In, Out]) gather(ctx context.Context) {
	if wait := time.Until(t.next); wait > 0 && t.waits() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	t.next = time.Now().Add(pace)
}

// waits says whether anyone does: who has the turn may have been served by who
// had it before.
func (t *Group[In, Out]) waits() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting) > 0
}

func (t *Group[In, Out]) take() []*request[In, Out] {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.waiting), maxTogether)
	batch := t.waiting[:n:n]
	if t.waiting = t.waiting[n:]; len(t.waiting) == 0 {
		t.waiting = nil
	}
	return batch
}
