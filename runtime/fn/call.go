package fn

import (
	"context"
	"log/slog"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/runtime/internal/call"
	"github.com/weftmesh/weft/runtime/internal/logs"
)

// Event returns the event that the function is called with; false for a plain
// HTTP request, and outside a call.
func Event(ctx context.Context) (event.Event, bool) {
	c := call.From(ctx)
	if c == nil || c.Event == nil {
		return event.Event{}, false
	}
	return *c.Event, true
}

// Attempt counts the calls made for the event that the function is called
// with, this one included: 1 for the first, and for a plain HTTP request.
func Attempt(ctx context.Context) int {
	if c := call.From(ctx); c != nil {
		return c.Attempt
	}
	return 1
}

// TraceID returns the W3C trace id of the call in 32 hex digits, "" outside a
// call.
func TraceID(ctx context.Context) string {
	if c := call.From(ctx); c != nil && c.Span.IsValid() {
		return c.Span.TraceID().String()
	}
	return ""
}

// Logger returns a logger whose lines carry function, trace_id, span_id,
// event_id and attempt of the call. Outside a call it is slog.Default().
// Plain slog calls carry the same if they are given the context:
// slog.InfoContext(ctx, …).
func Logger(ctx context.Context) *slog.Logger {
	c := call.From(ctx)
	if c == nil {
		return slog.Default()
	}
	return c.Logger(func(c *call.Call) *slog.Logger {
		base := c.Log
		if base == nil {
			base = slog.Default()
		}
		return logs.Bind(base, c)
	})
}
