package call

import (
	"context"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

type key struct{}

// Context carries a Call. Its deadline is the call's, and holds until the
// answer begins to stream.
//
// Most handlers neither wait for Done nor ask for a value of someone else's.
// So what these need is made when they are asked for, and a call costs no more
// than the Context itself.
type Context struct {
	parent context.Context
	call   *Call
	traced bool

	mu     sync.Mutex
	values context.Context // parent, with the call's span if it is traced
	done   context.Context // values, with an end of its own
	end    context.CancelFunc
	ended  bool
}

// With returns a context that carries c.
func With(parent context.Context, c *Call) *Context {
	ctx := &Context{}
	ctx.Begin(parent, c, false)
	return ctx
}

// Begin makes of a zero Context one that carries c; traced ones carry c's span
// too, as that of a remote parent. The caller calls End when the handler has
// returned, and when c's deadline passes, after Overrun.
func (c *Context) Begin(parent context.Context, call *Call, traced bool) {
	c.parent, c.call, c.traced = parent, call, traced
}

// End ends the context.
func (c *Context) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if c.end != nil {
		c.end()
	}
}

// Done is closed when the context ends.
func (c *Context) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done, c.end = context.WithCancel(c.inherited())
		if c.ended {
			c.end()
		}
	}
	return c.done.Done()
}

// inherited returns what the parent holds, and the call's span. c.mu is held.
func (c *Context) inherited() context.Context {
	if c.values == nil {
		c.values = c.parent
		if c.traced {
			c.values = trace.ContextWithRemoteSpanContext(c.parent, c.call.Span)
		}
	}
	return c.values
}

// Value returns the call for From, and otherwise what the parent holds. Once
// Done was called the keys of package context find the context that it comes
// from, so that contexts made of this one need no goroutine.
func (c *Context) Value(k any) any {
	if _, ok := k.(key); ok {
		return c.call
	}
	c.mu.Lock()
	from := c.done
	if from == nil {
		from = c.inherited()
	}
	c.mu.Unlock()
	return from.Value(k)
}

// Deadline returns the call's deadline or, if it comes earlier, the parent's.
func (c *Context) Deadline() (time.Time, bool) {
	parent, ok := c.parent.Deadline()
	own := c.call.Deadline
	if own.IsZero() || c.call.in(streaming) || ok && parent.Before(own) {
		return parent, ok
	}
	return own, true
}

// Err tells a call that overran from one whose client has gone.
func (c *Context) Err() error {
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	err := c.parent.Err()
	if err == nil && ended {
		err = context.Canceled
	}
	if err != nil && c.call.Overran() {
		return context.DeadlineExceeded
	}
	return err
}

// From returns the call that ctx belongs to, nil outside one.
func From(ctx context.Context) *Call {
	c, _ := ctx.Value(key{}).(*Call)
	return c
}
