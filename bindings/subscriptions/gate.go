package subscriptions

import (
	"sync"
	"time"
)

// gate counts what is under way, and can be closed for what comes after.
type gate struct {
	mu     sync.Mutex
	closed bool
	inside int
	last   time.Time // when someone left
	idle   chan struct{}
}

// enter reports whether the gate is open, and if so counts one in.
func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	g.inside++
	return true
}

// leave counts one out.
func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last = time.Now()
	if g.inside--; g.closed && g.inside == 0 {
		close(g.idle)
	}
}

// shut closes the gate, once. The channel closes when no one is inside any more.
func (g *gate) shut() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed, g.idle = true, make(chan struct{})
	if g.inside == 0 {
		close(g.idle)
	}
	return g.idle
}

// isShut says whether the gate is closed.
func (g *gate) isShut() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// quiet says for how long no one has left.
func (g *gate) quiet() time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return time.Since(g.last)
}
