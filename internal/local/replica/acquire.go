package replica

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/weftmesh/weft/mesh/delivery"
)

// waiter is a call in line for a place. granted has room for one, so that
// whoever grants does not wait.
type waiter struct {
	granted chan grant
	since   time.Time
	// cold says that no replica was ready when it came.
	cold bool
	// gone says that its call gave up.
	gone bool
}

type grant struct {
	replica *replica
	err     error
}

// queue is waiters, first come first served. Those that gave up are left in
// it until they are at its head.
type queue struct {
	list []*waiter
	here int
}

func (q *queue) length() int { return q.here }

func (q *queue) push(w *waiter) {
	q.list = append(q.list, w)
	q.here++
}

func (q *queue) pop() *waiter {
	for len(q.list) > 0 {
		w := q.list[0]
		q.list[0] = nil
		q.list = q.list[1:]
		if !w.gone {
			q.here--
			return w
		}
	}
	q.list = nil
	return nil
}

func (q *queue) leave(w *waiter) {
	w.gone = true
	q.here--
}

// load is the calls in flight and waiting, and their integral over time.
type load struct {
	calls int
	area  float64
	last  time.Time
	// base is since when area counts.
	base time.Time
}

func (l *load) add(now time.Time, n int) {
	l.area += float64(l.calls) * now.Sub(l.last).Seconds()
	l.calls += n
	l.last = now
}

// average returns the mean since the last average, or since restart.
func (l *load) average(now time.Time) float64 {
	l.add(now, 0)
	span := now.Sub(l.base).Seconds()
	if span <= 0 {
		return float64(l.calls)
	}
	a := l.area / span
	l.restart(now)
	return a
}

func (l *load) restart(now time.Time) { l.area, l.base, l.last = 0, now, now }

// acquire takes a place on a replica.
func (p *pool) acquire(ctx context.Context) (delivery.Endpoint, error) {
	now := time.Now()
	p.mu.Lock()
	if r := p.pick(); r != nil && p.waiters.length() == 0 {
		p.load.add(now, 1)
		p.take(r)
		p.arm()
		p.mu.Unlock()
		return p.endpoint(r, 0), nil
	}
	if err := p.refusal(now); err != nil {
		p.mu.Unlock()
		return delivery.Endpoint{}, err
	}
	w := &waiter{granted: make(chan grant, 1), since: now}
	w.cold = p.ready() == 0
	p.load.add(now, 1)
	p.waiters.push(w)
	p.demand()
	p.mu.Unlock()

	select {
	case g := <-w.granted:
		return p.granted(w, g)
	case <-ctx.Done():
	}
	p.mu.Lock()
	select {
	case g := <-w.granted:
		// The place came at the same moment: the call takes it, and finds
		// its context ended by itself.
		p.mu.Unlock()
		return p.granted(w, g)
	default:
	}
	p.waiters.leave(w)
	p.load.add(time.Now(), -1)
	p.mu.Unlock()
	return delivery.Endpoint{}, ctx.Err()
}

func (p *pool) granted(w *waiter, g grant) (delivery.Endpoint, error) {
	if g.err != nil {
		return delivery.Endpoint{}, g.err
	}
	var cold time.Duration
	if w.cold {
		cold = time.Since(w.since)
	}
	return p.endpoint(g.replica, cold), nil
}

// refusal is why a call need not wait, or nil. The lock is held.
func (p *pool) refusal(now time.Time) error {
	switch {
	case p.stopping:
		return errStopped
	case p.revision == nil && p.broken != "":
		return p.unavailable(p.broken, 0)
	case p.failure.streak >= hopeless && now.Before(p.failure.until) && p.serving() == 0:
		return p.unavailable(p.failure.reason, p.failure.until.Sub(now))
	}
	return nil
}

// pick returns the least loaded replica with a free place, or nil. The lock
// is held.
func (p *pool) pick() *replica {
	var best *replica
	for _, r := range p.replicas {
		if r.state == stateReady && !r.suspect && !r.candidate && r.inFlight < p.places && (best == nil || r.inFlight < best.inFlight) {
			best = r
		}
	}
	return best
}

func (p *pool) take(r *replica) { r.inFlight++ }

// grant gives free places to those in line. The lock is held.
func (p *pool) grant() {
	for p.waiters.length() > 0 {
		r := p.pick()
		if r == nil {
			return
		}
		w := p.waiters.pop()
		p.take(r)
		if w.cold {
			p.colds++
		}
		w.granted <- grant{replica: r}
	}
}

// failWaiters sends all in line away. The lock is held.
func (p *pool) failWaiters(err error) {
	for w := p.waiters.pop(); w != nil; w = p.waiters.pop() {
		p.load.add(time.Now(), -1)
		w.granted <- grant{err: err}
	}
}

// place is one call's hold on a replica.
type place struct {
	replica  *replica
	released atomic.Bool
}

func (p *pool) endpoint(r *replica, cold time.Duration) delivery.Endpoint {
	pl := &place{replica: r}
	return delivery.Endpoint{
		URL: r.url, Token: p.token, ColdStart: cold, NoTimeout: p.debug,
		Transport: p.m.transport, Release: pl.release,
	}
}

// release frees the place; a second time it does nothing.
func (pl *place) release(broken bool) {
	if !pl.released.CompareAndSwap(false, true) {
		return
	}
	r := pl.replica
	p := r.pool
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.load.add(now, -1)
	r.inFlight--
	switch {
	case r.state == stateDraining:
		if r.inFlight == 0 {
			r.quiet()
		}
	case broken:
		p.suspect(r)
	default:
		if !r.served {
			// It works: what went wrong before is forgotten.
			r.served = true
			p.resetFailure()
		}
	}
	p.grant()
}
