package fn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/weftmesh/weft/runtime/host"
)

// Option is something that Main does beside serving.
type Option func(*program)

// OnStart has Main call f once, when it begins to serve; calls do not wait for
// it (Readiness can). The context ends when the program stops. If f fails, so
// does Main.
func OnStart(f func(context.Context) error) Option {
	return func(p *program) { p.start = append(p.start, f) }
}

// OnStop has Main call f when the last call has finished, before it returns.
// The context ends after WEFT_GRACE. If f fails, so does Main.
func OnStop(f func(context.Context) error) Option {
	return func(p *program) { p.stop = append(p.stop, f) }
}

// Readiness has readiness probes call f, several at a time; an error says why
// the function cannot take calls yet.
func Readiness(f func() error) Option { return func(p *program) { p.ready = f } }

// Liveness has liveness probes call f, several at a time; an error says why
// the program must be started anew.
func Liveness(f func() error) Option { return func(p *program) { p.alive = f } }

// program is what Options make of Main.
type program struct {
	start, stop  []func(context.Context) error
	ready, alive func() error
}

// serve runs the host between the hooks.
func (p *program) serve(ctx context.Context, h *host.Host, ln net.Listener, grace time.Duration) error {
	if len(p.start) == 0 && len(p.stop) == 0 {
		return h.Serve(ctx, ln)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, f := range p.start {
		go func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				cancel(&startError{err})
			}
		}()
	}
	err := h.Serve(ctx, ln)
	if failed, ok := errors.AsType[*startError](context.Cause(ctx)); ok {
		err = errors.Join(failed, err)
	}
	if grace == 0 {
		grace = host.DefaultGrace
	}
	last, done := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer done()
	for _, f := range p.stop {
		if failed := f(last); failed != nil {
			err = errors.Join(err, fmt.Errorf("stop: %w", failed))
		}
	}
	return err
}

// startError is why a program could not start.
type startError struct{ err error }

func (e *startError) Error() string { return "start: " + e.err.Error() }
func (e *startError) Unwrap() error { return e.err }
