package host

import (
	"bytes"
	"io"
	"net/http"
	"strconv"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/runtime/internal/call"
)

// serveHTTP calls an HTTP function. Its answer is held back until the handler
// has returned, so that what it emits is durable before the client has it;
// unless it is large, flushed or hijacked.
func (h *Host) serveHTTP(w http.ResponseWriter, r *http.Request, f *mounted, mode wire.Mode) {
	var e *event.Event
	if mode != wire.None {
		body, err := readBody(r)
		if err != nil {
			h.refuse(w, r, bodyFailure(r.Context(), err, h.opts.MaxBody))
			return
		}
		events, _, err := wire.Read(r.Header, body)
		if err != nil {
			h.refuse(w, r, readFailure(err))
			return
		}
		if disown(r.Header, events) && mode != wire.Binary {
			if body, err = rewrite(mode, events); err != nil {
				h.refuse(w, r, readFailure(err))
				return
			}
			r.ContentLength = int64(len(body))
			r.Header["Content-Length"] = []string{strconv.Itoa(len(body))}
		}
		if len(events) > 0 {
			e = &events[0]
		} else {
			e = &event.Event{Context: &event.EventContextV1{}}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	// The token and what the gateway is told are no business of the handler's.
	delete(r.Header, contract.HeaderToken)

	x := &httpExchange{}
	h.begin(&x.call, &x.ctx, r, f, e)
	defer x.ctx.End()
	x.resp = response{host: h, f: f, call: &x.call, ctx: &x.ctx, w: w, header: make(http.Header), method: r.Method, routed: e != nil && !h.ofSidecar(r)}
	defer h.watch(&x.ctx, &x.call, &x.resp).stop()
	defer x.resp.release()
	err := h.guard(&x.ctx, func() { f.HTTP.ServeHTTP(&x.resp, r.WithContext(&x.ctx)) })
	x.resp.finish(err)
}

// httpExchange is all that a call of an HTTP function needs, in one piece.
type httpExchange struct {
	call call.Call
	ctx  call.Context
	resp response
}
