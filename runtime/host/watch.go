package host

import (
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/weftmesh/weft/runtime/internal/call"
)

// watch answers 504 if a call's deadline passes before its answer is claimed,
// and ends its context.
type watch struct {
	timer *time.Timer
	host  *Host
	ctx   *call.Context
	call  *call.Call
	claim claimer
}

// claimer is an answer that a deadline may claim: write is called, with the
// answer held, unless it is claimed already.
type claimer interface {
	overrun(write func(http.ResponseWriter))
}

// watches holds those that were stopped in time, whose timers thus do nothing
// any more.
var watches sync.Pool

// watch begins the watch of a call; nil if the call has no deadline.
func (h *Host) watch(ctx *call.Context, c *call.Call, a claimer) *watch {
	if c.Deadline.IsZero() {
		return nil
	}
	w, known := watches.Get().(*watch)
	if !known {
		w = &watch{}
	}
	w.host, w.ctx, w.call, w.claim = h, ctx, c, a
	if known {
		w.timer.Reset(h.opts.Timeout)
	} else {
		w.timer = time.AfterFunc(h.opts.Timeout, w.overrun)
	}
	return w
}

// stop ends the watch. One that has overrun is not used again: it may still be
// at work.
func (w *watch) stop() {
	if w == nil || !w.timer.Stop() {
		return
	}
	w.host, w.ctx, w.call, w.claim = nil, nil, nil, nil
	watches.Put(w)
}

func (w *watch) overrun() {
	w.claim.overrun(func(rw http.ResponseWriter) {
		w.call.Overrun()
		w.ctx.End()
		err := fmt.Errorf("the call took longer than %s", w.host.opts.Timeout)
		w.host.logFailure(w.ctx, http.StatusGatewayTimeout, err)
		// The handler still holds the connection, so it serves no other
		// request.
		rw.Header().Set("Connection", "close")
		problem(rw, http.StatusGatewayTimeout, err.Error())
		_ = http.NewResponseController(rw).Flush() // the client may have gone
	})
}
