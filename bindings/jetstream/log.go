package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// serverLog writes the embedded server's log to slog: its notices are of no
// interest to users of a mesh and go to the debug level. Errors of the start
// are kept, since the server starts all the same with a queue missing.
type serverLog struct {
	log *slog.Logger
	// failed is told of streams that cannot be written.
	failed chan string

	mu       sync.Mutex
	started  bool
	fatal    bool // the server gave up its start
	problems []string
}

func (l *serverLog) Noticef(f string, v ...any) { l.at(slog.LevelDebug, f, v) }
func (l *serverLog) Debugf(f string, v ...any)  { l.at(slog.LevelDebug, f, v) }
func (l *serverLog) Tracef(f string, v ...any)  { l.at(slog.LevelDebug, f, v) }
func (l *serverLog) Warnf(f string, v ...any)   { l.keep(slog.LevelWarn, f, v) }
func (l *serverLog) Errorf(f string, v ...any)  { l.keep(slog.LevelError, f, v) }
func (l *serverLog) Fatalf(f string, v ...any) {
	l.keep(slog.LevelError, f, v)
	l.mu.Lock()
	l.fatal = true
	l.mu.Unlock()
}

func (l *serverLog) gaveUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}

func (l *serverLog) at(level slog.Level, f string, v []any) {
	if l.log.Enabled(context.Background(), level) {
		l.log.Log(context.Background(), level, strings.TrimSpace(fmt.Sprintf(f, v...)))
	}
}

// maxProblems bounds what is kept of a start that goes wrong.
const maxProblems = 5

func (l *serverLog) keep(level slog.Level, f string, v []any) {
	text := strings.TrimSpace(fmt.Sprintf(f, v...))
	l.mu.Lock()
	starting := !l.started
	if starting && len(l.problems) < maxProblems {
		l.problems = append(l.problems, text)
	}
	l.mu.Unlock()
	tellFailed(l.failed, text)
	if !starting {
		l.log.Log(context.Background(), level, text)
	}
}

// errors joins the problems of the start, or gives otherwise.
func (l *serverLog) errors(otherwise string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.problems) == 0 {
		return errors.New(otherwise)
	}
	return errors.New(strings.Join(l.problems, "; "))
}

// damages are what the server says when it leaves out a queue at start. What
// it mends by itself (an index that a kill left behind the data) is not one.
var damages = []string{
	"Error recreating stream", "checksums do not match", "Error unmarshalling stream metafile",
	"Error reading metafile", "Error reading Stream metafile", "Detected unsupported stream",
	"Error adding consumer", "Error unmarshalling consumer metafile",
}

// begun ends the start and reports a queue that could not be opened.
func (l *serverLog) begun() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.started = true
	for _, p := range l.problems {
		for _, d := range damages {
			if strings.Contains(p, d) {
				return errors.New(p)
			}
		}
		l.log.Debug(p)
	}
	return nil
}
