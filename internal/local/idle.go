package local

import (
	"runtime/debug"
	"sync"
	"time"

	"github.com/weftmesh/weft/internal/pages"
)

const (
	// relaxAfter is how long after the last work memory is given back.
	relaxAfter = time.Second
)

// relaxer gives memory back to the system once work is done. There is no
// ticker: an idle engine does nothing at all.
type relaxer struct {
	mu    sync.Mutex
	timer *time.Timer
}

// relax has do called when nothing has asked for it for a while.
func (r *relaxer) relax(do func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer == nil {
		r.timer = time.AfterFunc(relaxAfter, do)
	} else {
		r.timer.Reset(relaxAfter)
	}
}

// relax gives back garbage and what of the program is in memory, in a while and
// unless there is work again by then.
func (e *engine) relax() {
	e.idle.relax(func() {
		if e.recorder.InFlight() == 0 {
			debug.FreeOSMemory()
			e.releasePages()
		}
	})
}

// settle gives back what only the start has needed, a while after it: also if
// there is work from the beginning.
func (e *engine) settle() {
	time.AfterFunc(relaxAfter, e.releasePages)
	e.relax()
}

func (e *engine) releasePages() {
	if err := pages.Release(); err != nil {
		e.log.Debug("the program's pages are not given back", "error", err.Error())
	}
}
