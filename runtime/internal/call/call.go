// Package call is what host, fn and fntest know of one call of a function: the
// event that it is called with, its trace, what it emits and how it failed.
package call

import (
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
