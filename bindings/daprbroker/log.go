package daprbroker

import (
	"context"
	"log/slog"
	"strings"
)

// listener stands before the handler of what an instance logs. It hears errors
// whether or not they are written, and leaves out what says only that a message
// was given back, or that a connection ends: that is how a queue pauses.
type listener struct {
	slog.Handler
	hear func(text string) // may be nil
}

func (l listener) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelError || l.Handler.Enabled(ctx, level)
}

func (l listener) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelError {
		if l.hear != nil {
			l.hear(r.Message)
		}
	}
	if strings.Contains(r.Message, errBack.Error()) || strings.Contains(r.Message, "nats: connection draining") {
		return nil
	}
	if !l.Handler.Enabled(ctx, r.Level) {
		return nil
	}
	return l.Handler.Handle(ctx, r)
}

func (l listener) WithAttrs(attrs []slog.Attr) slog.Handler {
	return listener{l.Handler.WithAttrs(attrs), l.hear}
}

func (l listener) WithGroup(name string) slog.Handler {
	return listener{l.Handler.WithGroup(name), l.hear}
}
