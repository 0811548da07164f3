// Package logs puts the ids of a call onto the lines that are logged during
// it.
package logs

import (
	"context"
	"io"
	"log/slog"

	"github.com/weftmesh/weft/runtime/internal/call"
)

// New returns a logger that writes JSON lines and adds, to what is logged with
// the context of a call, the fields function, trace_id, span_id, event_id and
// attempt.
func New(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(Wrap(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})))
}

// Wrap adds the ids of the call to the lines that h writes.
func Wrap(h slog.Handler) slog.Handler { return &handler{base: h, inner: h} }

// Bind returns a logger whose lines carry the ids of c, whatever context they
// are logged with.
func Bind(l *slog.Logger, c *call.Call) *slog.Logger {
	h, ok := l.Handler().(*handler)
	if !ok {
		h = &handler{base: l.Handler(), inner: l.Handler()}
	}
	bound := *h
	bound.bound = c
	return slog.New(&bound)
}

// handler adds ids. They belong at the top of a line, also below groups: so it
// keeps the handler without groups, and what to do to it.
type handler struct {
	base, inner slog.Handler
	bound       *call.Call
	grouped     bool
	steps       []func(slog.Handler) slog.Handler
}

func (h *handler) Enabled(ctx context.Context, l slog.Level) bool { return h.inner.Enabled(ctx, l) }

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	c := h.bound
	if c == nil {
		c = call.From(ctx)
	}
	if c == nil {
		return h.inner.Handle(ctx, r)
	}
	var room [5]slog.Attr
	ids := appendIDs(room[:0], c)
	if !h.grouped {
		r = r.Clone()
		r.AddAttrs(ids...)
		return h.inner.Handle(ctx, r)
	}
	inner := h.base.WithAttrs(ids)
	for _, step := range h.steps {
		inner = step(inner)
	}
	return inner.Handle(ctx, r)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.with(h.grouped, func(in slog.Handler) slog.Handler { return in.WithAttrs(attrs) })
}

func (h *handler) WithGroup(name string) slog.Handler {
	if name == "" {
		return h
	}
	return h.with(true, func(in slog.Handler) slog.Handler { return in.WithGroup(name) })
}

func (h *handler) with(grouped bool, step func(slog.Handler) slog.Handler) slog.Handler {
	next := *h
	next.grouped = grouped
	next.inner = step(h.inner)
	next.steps = append(h.steps[:len(h.steps):len(h.steps)], step)
	return &next
}

func appendIDs(attrs []slog.Attr, c *call.Call) []slog.Attr {
	attrs = append(attrs, slog.String("function", c.Function))
	if c.Span.IsValid() {
		attrs = append(attrs, slog.String("trace_id", c.Span.TraceID().String()), slog.String("span_id", c.Span.SpanID().String()))
	}
	if c.EventID != "" {
		attrs = append(attrs, slog.String("event_id", c.EventID))
	}
	return append(attrs, slog.Int("attempt", c.Attempt))
}
