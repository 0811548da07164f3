package subscriptions

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Pauses before a message goes back because the function cannot start.
const (
	firstPause = 100 * time.Millisecond
	lastPause  = 5 * time.Second
)

// pauses grow while a function cannot start.
type pauses struct {
	mu   sync.Mutex
	next time.Duration
}

// wait pauses, unless one of the contexts ends.
func (p *pauses) wait(a, b context.Context) {
	p.mu.Lock()
	pause := max(p.next, firstPause)
	p.next = min(2*pause, lastPause)
	p.mu.Unlock()
	select {
	case <-time.After(pause):
	case <-a.Done():
	case <-b.Done():
	}
}

// reset makes the next pause short: the function has answered.
func (p *pauses) reset() {
	p.mu.Lock()
	p.next = 0
	p.mu.Unlock()
}

// tellEvery is how often a subscription that fails is told of.
const tellEvery = 10 * time.Second

// limiter lets one line through in a while.
type limiter struct {
	mu     sync.Mutex
	last   time.Time
	unsaid int
}

// now says whether to speak, and how many lines were not said since the last.
func (l *limiter) now() (ok bool, unsaid int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.last.IsZero() && time.Since(l.last) < tellEvery {
		l.unsaid++
		return false, 0
	}
	unsaid, l.unsaid = l.unsaid, 0
	l.last = time.Now()
	return true, unsaid
}

// counts of the messages of a subscription.
type counts struct {
	delivered, dropped, unmatched, expired, retried, deadLettered atomic.Int64
}

func (c *counts) unrouted(err error) {
	if errors.Is(err, errExpired) {
		c.expired.Add(1)
	} else {
		c.unmatched.Add(1)
	}
}

// Counts says what became of the messages of a subscription since it is in
// force.
type Counts struct {
	// Delivered messages were taken by the function, Dropped ones refused by it
	// (404, DROP). No rule matched those Unmatched, those Expired were older
	// than their time to live. Retried ones went back to the component.
	// DeadLettered counts those published to the dead-letter topic, whatever
	// they are counted as besides.
	Delivered, Dropped, Unmatched, Expired, Retried, DeadLettered int64
}

func (c *counts) read() Counts {
	return Counts{
		Delivered: c.delivered.Load(), Dropped: c.dropped.Load(), Unmatched: c.unmatched.Load(),
		Expired: c.expired.Load(), Retried: c.retried.Load(), DeadLettered: c.deadLettered.Load(),
	}
}
