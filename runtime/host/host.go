package host

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/runtime/internal/call"
)

// Host serves functions. It is an http.Handler, safe for concurrent use; Serve
// runs it on a listener.
type Host struct {
	opts   Options
	token  []byte
	log    *slog.Logger
	sink   *sink
	one    *mounted
	byName map[string]*mounted

	draining atomic.Bool
	hijacked sync.WaitGroup
}

// New returns a Host of functions. It fails if there is none, if two have the
// same name in kebab-case, if opts.Target is not among them, or if opts.Sink is
// no URL.
func New(opts Options, functions ...Function) (*Host, error) {
	if opts.MaxBody == 0 {
		opts.MaxBody = DefaultMaxBody
	}
	if opts.Grace == 0 {
		opts.Grace = DefaultGrace
	}
	token, err := tokenOf(opts.Sink)
	if err != nil {
		return nil, err
	}
	h := &Host{opts: opts, token: []byte(token), log: opts.Logger}
	if h.sink, err = newSink(opts.Sink, token, opts.Transport); err != nil {
		return nil, err
	}
	if h.log == nil {
		h.log = slog.Default()
	}
	if h.one, h.byName, err = choose(&opts, functions); err != nil {
		return nil, err
	}
	return h, nil
}

// ServeHTTP serves the health paths and calls the function.
func (h *Host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/health/") && h.health(w, r) {
		return
	}
	f := h.one
	if f == nil {
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if f = h.byName[name]; f == nil {
			problem(w, http.StatusNotFound, fmt.Sprintf("no function at %s; there are %s", r.URL.Path, strings.Join(h.paths(), ", ")))
			return
		}
	}
	mode := wire.ModeOf(r.Header)
	if mode != wire.None && !h.trusts(r) {
		problem(w, http.StatusForbidden, "deliveries need the function's token in the header "+contract.HeaderToken+", or from a Dapr sidecar in "+headerDaprToken)
		return
	}
	if r.ContentLength > h.opts.MaxBody {
		problem(w, http.StatusRequestEntityTooLarge, bodyFailure(r.Context(), &http.MaxBytesError{Limit: h.opts.MaxBody}, h.opts.MaxBody).Error())
		return
	}
	if f.HTTP != nil || r.ContentLength < 0 { // readBody reads no more than the length
		r.Body = http.MaxBytesReader(w, r.Body, h.opts.MaxBody)
	}
	switch {
	case f.HTTP != nil:
		h.serveHTTP(w, r, f, mode)
	case mode != wire.None:
		h.serveDelivery(w, r, f)
	default:
		h.servePlain(w, r, f)
	}
}

// trusts says whether a delivery comes from the function's engine, or from its
// Dapr sidecar. Without
// K_SINK there is none, and the function is called by hand.
func (h *Host) trusts(r *http.Request) bool {
	if len(h.token) == 0 {
		return h.opts.Sink == ""
	}
	return h.shows(r, contract.HeaderToken) || h.ofSidecar(r)
}

// health answers the two health paths and reports whether r asked for one.
func (h *Host) health(w http.ResponseWriter, r *http.Request) bool {
	switch r.URL.Path {
	case contract.PathLiveness:
		if h.opts.Alive != nil {
			if err := h.opts.Alive(); err != nil {
				problem(w, http.StatusServiceUnavailable, "the function is not alive: "+err.Error())
				return true
			}
		}
	case contract.PathReadiness:
		if h.draining.Load() {
			problem(w, http.StatusServiceUnavailable, "the function is stopping")
			return true
		}
		if h.opts.Ready != nil {
			if err := h.opts.Ready(); err != nil {
				problem(w, http.StatusServiceUnavailable, "the function is not ready: "+err.Error())
				return true
			}
		}
	default:
		return false
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n")) // the prober may have gone
	return true
}

// paths lists where functions are served, for people.
func (h *Host) paths() []string {
	var paths []string
	for name, f := range h.byName {
		if name == f.Name {
			paths = append(paths, "/"+name)
		}
	}
	slices.Sort(paths)
	return paths
}

// begin fills in the call for a request and the context that its handler gets,
// which the caller must end when the handler has returned.
func (h *Host) begin(c *call.Call, ctx *call.Context, r *http.Request, f *mounted, e *event.Event) {
	c.Function, c.Event, c.Attempt, c.Log = f.Name, e, 1, h.log
	if e != nil {
		c.EventID = e.ID()
		c.Attempt = max(1, wire.IntExtension(e, contract.ExtAttempt))
	} else if id := r.Header[contract.HeaderEventID]; len(id) > 0 {
		c.EventID = id[0]
	}
	if h.opts.Timeout > 0 {
		c.Deadline = time.Now().Add(h.opts.Timeout)
	}
	parent := r.Context()
	span, known := spanOf(parent, r.Header, e)
	c.Span = span
	ctx.Begin(parent, c, !known)
}

// panicError is what a handler panicked with.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// guard calls handler and turns a panic into an error, its stack into a line
// of the log. http.ErrAbortHandler goes on to net/http.
func (h *Host) guard(ctx context.Context, handler func()) (err error) {
	defer func() {
		switch v := recover(); v {
		case nil:
		case http.ErrAbortHandler:
			panic(v)
		default:
			h.log.ErrorContext(ctx, "handler panicked", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			err = &panicError{v}
		}
	}()
	handler()
	return nil
}

// logFailure notes a failed call. What only the caller can mend is no error of
// the function.
func (h *Host) logFailure(ctx context.Context, status int, err error) {
	level := slog.LevelError
	if status < 500 || status == http.StatusServiceUnavailable {
		level = slog.LevelWarn
	}
	h.log.Log(ctx, level, "call failed", "status", status, "error", err.Error())
}
