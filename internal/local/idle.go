package local

import (
	"runtime/debug"
	"sync/atomic"
	"time"
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
type relaxer struct{ pending atomic.Bool }

// relax schedules one collection, unless one is already or busy() says then
// that there is work again.
func (r *relaxer) relax(busy func() bool) {
	if !r.pending.CompareAndSwap(false, true) {
		return
	}
	time.AfterFunc(relaxAfter, func() {
		r.pending.Store(false)
		if !busy() {
			debug.FreeOSMemory()
		}
	})
}

func (e *engine) relax() {
	e.idle.relax(func() bool { return e.recorder.InFlight() > 0 })
}
