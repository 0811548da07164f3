// Package call is what host, fn and fntest know of one call of a function: the
// event that it is called with, its trace, what it emits and how it failed.
package call

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"go.opentelemetry.io/otel/trace"
)

// Call is one call of a function. The exported fields are set before the
// handler runs and not changed after; the methods are safe for concurrent use.
type Call struct {
	// Function is the name that the function is registered under.
	Function string
	// Event that the function is called with; nil for a plain HTTP request.
	Event *event.Event
	// EventID is the id of Event, or that which the gateway gave the request.
	EventID string
	// Attempt counts the calls made for the event, from 1.
	Attempt int
	// Span is the trace context of the call.
	Span trace.SpanContext
	// Deadline of the call; zero for none.
	Deadline time.Time
	// Log is the logger that the call's own is made of.
	Log *slog.Logger

	mu      sync.Mutex
	state   state
	overran bool
	emits   []Emit
	size    int
	logger  *slog.Logger
}

// state of a call: whether it may still emit.
type state int

const (
	running state = iota
	streaming
	ended
)

type key struct{}

// Context carries a Call. Its deadline is the call's, and holds until the
// answer begins to stream.
type Context struct {
	context.Context
	call *Call
}

// With returns a context that carries c. The caller cancels parent when c's
// deadline passes, after Overrun.
func With(parent context.Context, c *Call) *Context {
	return &Context{Context: parent, call: c}
}

// Value returns the call for From, and otherwise what the parent holds.
func (c *Context) Value(k any) any {
	if _, ok := k.(key); ok {
		return c.call
	}
	return c.Context.Value(k)
}

// Deadline returns the call's deadline or, if it comes earlier, the parent's.
func (c *Context) Deadline() (time.Time, bool) {
	parent, ok := c.Context.Deadline()
	own := c.call.Deadline
	if own.IsZero() || c.call.in(streaming) || ok && parent.Before(own) {
		return parent, ok
	}
	return own, true
}

// Err tells a call that overran from one whose client has gone.
func (c *Context) Err() error {
	err := c.Context.Err()
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

// Stream notes that the answer has begun to leave, so that nothing can be
// emitted any more and the deadline is met. It returns what was emitted.
func (c *Call) Stream() []Emit { return c.advance(streaming) }

// End notes that the handler has returned, and returns what was emitted.
func (c *Call) End() []Emit { return c.advance(ended) }

func (c *Call) advance(to state) []Emit {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.state = max(c.state, to)
	return c.emits
}

func (c *Call) in(s state) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == s
}

// Overrun notes that the deadline has passed; what the call emits from now on
// is not sent.
func (c *Call) Overrun() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.overran = true
	c.state = ended
}

// Overran says whether the deadline has passed before the answer began.
func (c *Call) Overran() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.overran
}

// Logger returns the call's logger, made by make the first time.
func (c *Call) Logger(make func(*Call) *slog.Logger) *slog.Logger {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.logger == nil {
		c.logger = make(c)
	}
	return c.logger
}
