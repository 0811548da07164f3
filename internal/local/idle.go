package local

import (
	"runtime/debug"
	"sync"
	"time"

	"github.com/weftmesh/weft/internal/pages"
)

const (
	// gcPercent trades a little processor time for a small engine: its live
	// heap is small, and most of its memory would be garbage not yet
	// collected.
	gcPercent = 25
	// relaxAfter is how long after the last work memory is given back.
	relaxAfter = time.Second
)

// relaxer gives memory back to the system once work is done. There is no
// ticker: an idle engine does nothing at all.
type relaxer struct {
	mu    sync.Mutex
	timer *time.Timer
}

// relax schedules one collection, for when nothing has asked for one for a
// while, unless busy() says then that there is work again.
func (r *relaxer) relax(busy func() bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer != nil {
		r.timer.Reset(relaxAfter)
		return
	}
	r.timer = time.AfterFunc(relaxAfter, func() {
		if !busy() {
			debug.FreeOSMemory()
		}
	})
}

func (e *engine) relax() {
	e.idle.relax(func() bool { return e.recorder.InFlight() > 0 })
}

// settle gives back what only the start has needed, a while after it: work that
// begins at once shall not wait for that.
func (e *engine) settle() {
	e.relax()
	time.AfterFunc(relaxAfter, func() {
		if err := pages.Release(); err != nil {
			e.log.Debug("the start's memory is not given back", "error", err.Error())
		}
	})
}
