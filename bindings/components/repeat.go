package components

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"
)

// quietFor is how long lines of one kind are counted after the first: a server
// that restarts has each subscription of each function say the same.
const quietFor = 10 * time.Second

// sparse is a handler that lets one line of a kind through and counts those that
// follow: they are debug lines, and the last of them is written with their
// number at the end. Debug lines are left alone. Handlers made of one another
// count together.
type sparse struct {
	slog.Handler
	seen *repeats
}

// repeats are the lines that were written a short while ago, by kind.
type repeats struct {
	mu    sync.Mutex
	kinds map[string]*repeat
}

type repeat struct {
	times int
	last  slog.Record
	to    slog.Handler
}

func newSparse(h slog.Handler) sparse {
	return sparse{h, &repeats{kinds: make(map[string]*repeat)}}
}

func (s sparse) Handle(ctx context.Context, r slog.Record) error {
	if r.Level > slog.LevelDebug && s.seen.again(ctx, s.Handler, r) {
		if r.Level = slog.LevelDebug; !s.Handler.Enabled(ctx, r.Level) {
			return nil
		}
	}
	return s.Handler.Handle(ctx, r)
}

func (s sparse) WithAttrs(attrs []slog.Attr) slog.Handler {
	return sparse{s.Handler.WithAttrs(attrs), s.seen}
}

func (s sparse) WithGroup(name string) slog.Handler {
	return sparse{s.Handler.WithGroup(name), s.seen}
}

// again says whether a line of the kind was written a short while ago.
func (rs *repeats) again(ctx context.Context, to slog.Handler, r slog.Record) bool {
	kind := r.Level.String() + kindOfLine(ctx, r.Message)
	rs.mu.Lock()
	defer rs.mu.Unlock()
	if known := rs.kinds[kind]; known != nil {
		known.times++
		known.last, known.to = r.Clone(), to
		return true
	}
	rs.kinds[kind] = &repeat{}
	time.AfterFunc(quietFor, func() { rs.tell(kind) })
	return false
}

// tell writes how often a line came again.
func (rs *repeats) tell(kind string) {
	rs.mu.Lock()
	known := rs.kinds[kind]
	delete(rs.kinds, kind)
	rs.mu.Unlock()
	if known.times > 0 {
		known.last.AddAttrs(slog.Int("repeated", known.times))
		_ = known.to.Handle(context.Background(), known.last) // there is nowhere to say so
	}
}

// formatKey finds the format of a line in the context of its record.
type formatKey struct{}

// verb is one of fmt's, plain or with flags.
var verb = regexp.MustCompile(`%[-+# 0-9.\[\]*]*[a-zA-Z%]`)

var digits = regexp.MustCompile(`[0-9]+`)

// minWords is how many words of its own make a format a kind of lines.
const minWords = 2

// kindOfLine is what lines have in common that say the same of different
// things: the format, if it says something, else the text without numbers.
func kindOfLine(ctx context.Context, text string) string {
	if format, _ := ctx.Value(formatKey{}).(string); len(strings.Fields(verb.ReplaceAllString(format, ""))) >= minWords {
		return format
	}
	return digits.ReplaceAllString(text, "#")
}
