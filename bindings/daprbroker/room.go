package daprbroker

import (
	"context"
	"math"
	"sync"
	"time"
)

const (
	// ahead is how many events of a queue are taken from the component before a
	// dispatcher asks for them: enough for it never to wait for the next, few
	// enough for other engines to have theirs, and for a kill to hold up little.
	ahead = 64
	// roomCheck is how often room is looked for while there is none, in case
	// the news of it was missed.
	roomCheck = 250 * time.Millisecond
	// ampleCheck is the same for a queue that has paused.
	ampleCheck = 2 * time.Second
)

// room says how many events more may be taken from the component into Local.
// What waits in Local is asked for now and then, not counted: an event that
// Local knows already does not add to it.
type room struct {
	waiting func(context.Context) (int, error) // in Local
	ahead   int                                // how many may wait there

	mu   sync.Mutex
	left int
	// taking have taken room and are not in Local yet.
	taking int
	open   bool
	more   chan struct{} // closed when something changed
	// waiters wait for room, all of them since at least then.
	waiters int
	since   time.Time
}

func newRoom(ahead int, waiting func(context.Context) (int, error)) *room {
	return &room{waiting: waiting, ahead: ahead, more: make(chan struct{})}
}

// take waits until there is room for one event and takes it, until taken.
func (r *room) take(ctx context.Context) error {
	more, ok := r.try(ctx)
	if ok {
		return nil
	}
	r.wait(1)
	defer r.wait(-1)
	for {
		select {
		case <-more:
		case <-time.After(roomCheck):
		case <-ctx.Done():
			return ctx.Err()
		}
		if more, ok = r.try(ctx); ok {
			return nil
		}
	}
}

func (r *room) wait(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiters == 0 {
		r.since = time.Now()
	}
	r.waiters += n
}

// lacking is for how long there was no room although some wait for it.
func (r *room) lacking() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiters == 0 {
		return 0
	}
	return time.Since(r.since)
}

// ample waits until there is room again for a good many.
func (r *room) ample(ctx context.Context) {
	for ctx.Err() == nil {
		r.mu.Lock()
		more, open := r.more, r.open
		r.mu.Unlock()
		check := time.Duration(math.MaxInt64)
		if open {
			if n, err := r.waiting(ctx); err == nil && n <= r.ahead/2 {
				return
			}
			check = ampleCheck
		}
		timer := time.NewTimer(check)
		select {
		case <-more:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

func (r *room) try(ctx context.Context) (more <-chan struct{}, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open && r.left == 0 && ctx.Err() == nil {
		if n, err := r.waiting(ctx); err == nil {
			r.left = max(0, r.ahead-n-r.taking)
		}
	}
	if r.open && r.left > 0 && ctx.Err() == nil {
		r.left--
		r.taking++
		r.since = time.Now()
		return nil, true
	}
	return r.more, false
}

// taken says that an event for which there was room is in Local, or will not be.
func (r *room) taken() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taking--
}

// changed says that events left Local's queue for a dispatcher.
func (r *room) changed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tell()
}

// set opens or shuts the room: nobody takes events ahead while no dispatcher
// takes any.
func (r *room) set(open bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open = open
	r.left = 0
	r.tell()
}

func (r *room) tell() {
	if r.left == 0 {
		close(r.more)
		r.more = make(chan struct{})
	}
}
