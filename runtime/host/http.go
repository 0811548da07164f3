package host

import (
	"bytes"
	"io"
	"net/http"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
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
		if len(events) > 0 {
			e = &events[0]
		} else {
			e = &event.Event{Context: &event.EventContextV1{}}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	// The token and what the gateway is told are no business of the handler's.
	delete(r.Header, contract.HeaderToken)

	c, ctx, cancel := h.begin(r, f, e)
	defer cancel()
	resp := &response{host: h, f: f, call: c, ctx: ctx, w: w, header: make(http.Header, 4), method: r.Method, routed: e != nil && !h.ofSidecar(r)}
	stop := h.watch(ctx, c, resp, cancel)
	defer stop()
	defer resp.release()
	err := h.guard(ctx, func() { f.HTTP.ServeHTTP(resp, r.WithContext(ctx)) })
	resp.finish(err)
}
