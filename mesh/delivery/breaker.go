package delivery

import (
	"sync"
	"time"

	"github.com/weftmesh/weft/mesh"
)

// breaker is the circuit breaker of one target function.
//
// It opens when FailureThreshold distinct events have failed with no success
// between them, stays open for RecoveryTimeout, then lets one event through:
// its success closes the breaker, its failure opens it anew. An event counts
// once however often it is tried. A final answer (4xx, fn.Permanent) counts as
// a success: the function works, it just does not want that event. Connections
// of one replica that break within a second count once: they are one crash.
//
// A threshold of 0 or less never opens. All times come from the caller. Safe for concurrent use.
type breaker struct {
	cfg mesh.Breaker

	mu      sync.Mutex
	state   BreakerState
	until   time.Time // open: when it may be tried again; half-open: when a probe counts as lost
	since   time.Time // when the state was entered
	probing bool
	failing map[string]struct{}
	broken  map[string]time.Time
}

func newBreaker(cfg mesh.Breaker) *breaker {
	return &breaker{cfg: cfg, state: BreakerClosed,
		failing: make(map[string]struct{}), broken: make(map[string]time.Time)}
}

// breakerBurst is how long broken connections of one replica count as one.
const breakerBurst = time.Second

// ask says how long to wait before events may be pulled (0: now), whether only
// one may be, to probe, and whether the breaker went half-open by being asked.
func (b *breaker) ask(now time.Time) (wait time.Duration, probe, entered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch b.state {
	case BreakerOpen:
		if wait = b.until.Sub(now); wait > 0 {
			return wait, false, false
		}
		b.enter(BreakerHalfOpen, now)
		return 0, true, true
	case BreakerHalfOpen:
		if b.probing && now.Before(b.until) {
			return b.until.Sub(now), true, false
		}
		return 0, true, false
	}
	return 0, false, false
}

// claim takes the place of the one probe for at most lease.
func (b *breaker) claim(now time.Time, lease time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state != BreakerHalfOpen || b.probing && now.Before(b.until) {
		return false
	}
	b.probing, b.until = true, now.Add(lease)
	return true
}

// unclaim gives the probe's place back: it ended without a verdict.
func (b *breaker) unclaim() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == BreakerHalfOpen && b.probing {
		b.probing = false
	}
}

// success records a call that began at started and ended well; it reports
// whether the breaker closed by that. Calls from before it opened say nothing.
func (b *breaker) success(started, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state == BreakerClosed {
		if len(b.failing) > 0 {
			clear(b.failing)
			clear(b.broken)
		}
		return false
	}
	if b.state == BreakerOpen || started.Before(b.since) {
		return false
	}
	b.enter(BreakerClosed, now)
	return true
}

// failure records a failed call for the event; replica names whose connection
// broke, "" if it answered. It reports whether the breaker opened by that.
func (b *breaker) failure(eventID, replica string, started, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.cfg.FailureThreshold <= 0 {
		return false
	}
	switch b.state {
	case BreakerOpen:
		return false
	case BreakerHalfOpen:
		if started.Before(b.since) {
			return false
		}
	default:
		if replica != "" {
			if last, ok := b.broken[replica]; ok && now.Sub(last) < breakerBurst {
				return false
			}
			clear(b.broken)
			b.broken[replica] = now
		}
		b.failing[eventID] = struct{}{}
		if len(b.failing) < b.cfg.FailureThreshold {
			return false
		}
	}
	b.enter(BreakerOpen, now)
	b.until = now.Add(b.cfg.RecoveryTimeout)
	return true
}

// adopt takes over what another dispatcher says; it reports a change.
func (b *breaker) adopt(state BreakerState, until, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := b.state
	switch state {
	case BreakerClosed:
		if was == BreakerClosed {
			return false
		}
		b.enter(BreakerClosed, now)
	case BreakerOpen:
		if !until.After(now) || was == BreakerOpen && !until.After(b.until) {
			return false
		}
		b.enter(BreakerOpen, now)
		// Clocks differ: never wait longer than a whole recovery.
		b.until = minTime(until, now.Add(b.cfg.RecoveryTimeout))
	case BreakerHalfOpen:
		if was == BreakerClosed || !until.After(now) {
			return false
		}
		b.enter(BreakerHalfOpen, now)
		b.probing, b.until = true, until
	}
	return b.state != was
}

func (b *breaker) current() (BreakerState, time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state, b.until
}

// closed says whether calls are free to go.
func (b *breaker) closed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state == BreakerClosed
}

func (b *breaker) enter(s BreakerState, now time.Time) {
	b.state, b.since, b.probing = s, now, false
	clear(b.failing)
	clear(b.broken)
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
