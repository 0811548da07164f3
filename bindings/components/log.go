package components

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/dapr/kit/logger"
)

// bridge is a logger of Dapr's that writes to slog, at the same level but for
// info, which becomes debug: what components call information is about their
// own steps, and a mesh has many. Fatal is an error here: a component must not
// end the engine. Lines that come again are counted (sparse).
type bridge struct {
	log   *slog.Logger
	clean redactor
}

var _ logger.Logger = (*bridge)(nil)

// write writes a line; format is what it was made by, "" if by none.
func (b *bridge) write(level slog.Level, format string, text func() string) {
	ctx := context.Background()
	if b.log.Enabled(ctx, level) {
		b.log.Log(context.WithValue(ctx, formatKey{}, format), level, b.clean.text(strings.TrimSuffix(text(), "\n")))
	}
}

func (b *bridge) line(level slog.Level, args []any) {
	b.write(level, "", func() string { return fmt.Sprint(args...) })
}

func (b *bridge) linef(level slog.Level, format string, args []any) {
	b.write(level, format, func() string { return fmt.Sprintf(format, args...) })
}

func (b *bridge) Debug(args ...any) { b.line(slog.LevelDebug, args) }
func (b *bridge) Info(args ...any)  { b.line(slog.LevelDebug, args) }
func (b *bridge) Warn(args ...any)  { b.line(slog.LevelWarn, args) }
func (b *bridge) Error(args ...any) { b.line(slog.LevelError, args) }
func (b *bridge) Fatal(args ...any) { b.line(slog.LevelError, args) }

func (b *bridge) Debugf(format string, args ...any) { b.linef(slog.LevelDebug, format, args) }
func (b *bridge) Infof(format string, args ...any)  { b.linef(slog.LevelDebug, format, args) }
func (b *bridge) Warnf(format string, args ...any)  { b.linef(slog.LevelWarn, format, args) }
func (b *bridge) Errorf(format string, args ...any) { b.linef(slog.LevelError, format, args) }
func (b *bridge) Fatalf(format string, args ...any) { b.linef(slog.LevelError, format, args) }

// WithFields returns a logger with more fields.
func (b *bridge) WithFields(fields map[string]any) logger.Logger {
	args := make([]any, 0, 2*len(fields))
	for k, v := range fields {
		args = append(args, k, b.clean.text(fmt.Sprint(v)))
	}
	return &bridge{log: b.log.With(args...), clean: b.clean}
}

// WithLogType returns the logger: slog has no types of lines.
func (b *bridge) WithLogType(string) logger.Logger { return b }

// IsOutputLevelEnabled says whether a line of that level is written.
func (b *bridge) IsOutputLevelEnabled(level logger.LogLevel) bool {
	to := slog.LevelError
	switch level {
	case logger.DebugLevel, logger.InfoLevel:
		to = slog.LevelDebug
	case logger.WarnLevel:
		to = slog.LevelWarn
	}
	return b.log.Enabled(context.Background(), to)
}

// What slog's handler decides is not the component's to change.

// EnableJSONOutput does nothing.
func (b *bridge) EnableJSONOutput(bool) {}

// SetAppID does nothing.
func (b *bridge) SetAppID(string) {}

// SetOutputLevel does nothing.
func (b *bridge) SetOutputLevel(logger.LogLevel) {}

// SetOutput does nothing.
func (b *bridge) SetOutput(io.Writer) {}
