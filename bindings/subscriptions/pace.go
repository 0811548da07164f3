package subscriptions

import (
	"context"
	"sync"
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
