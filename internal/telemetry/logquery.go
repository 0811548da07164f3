package telemetry

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/weftmesh/weft/internal/adminapi"
)

// EngineLines stands for the engine's own lines in LogQuery.Function.
const EngineLines = "-"

// LogQuery says which log lines are wanted.
type LogQuery struct {
	// Function as written in the mesh, EngineLines for the engine's own, ""
	// for all.
	Function string
	// Level is the lowest: debug, info, warn or error; "" for all.
	Level string
	// Trace id of 32 hex digits, "" for all.
	Trace string
	// Since is the time of the oldest line, zero for all.
	Since time.Time
	// Most lines before those that are followed; 0 for all there are.
	Most int
	// Follow goes on with new lines until the context ends.
	Follow bool
}

// Match returns the entry of a line, and whether it is one of those wanted. Most
// and Follow do not count.
func (q LogQuery) Match(l Line) (adminapi.LogEntry, bool) {
	if q.Function == EngineLines && l.Function != "" || q.Function != "" && q.Function != EngineLines && l.Function != q.Function ||
		q.Trace != "" && !bytes.Contains(l.Text, []byte(q.Trace)) || l.Time.Before(q.Since) {
		return adminapi.LogEntry{}, false
	}
	e := parse(l)
	if q.Level != "" && levelRank(e.Level) < levelRank(strings.ToLower(q.Level)) || q.Trace != "" && e.TraceID != q.Trace {
		return adminapi.LogEntry{}, false
	}
	return e, true
}

// Query calls fn with each line that q asks for, oldest first, until fn
// returns false, there are no more, or, when following, ctx ends. flush, which
// may be nil, is called whenever fn has been given all that there is so far.
func (s *LogStore) Query(ctx context.Context, q LogQuery, fn func(adminapi.LogEntry) bool, flush func()) error {
	s.Flush()
	last := lastEntries{most: q.Most}
	stopped := false
	p, err := s.read(place{}, func(l Line) bool {
		if e, ok := q.Match(l); ok {
			if q.Most > 0 {
				last.add(e)
			} else if !fn(e) {
				stopped = true
			}
		}
		return !stopped && ctx.Err() == nil
	})
	if err != nil || stopped {
		return err
	}
	for _, e := range last.entries() {
		if !fn(e) {
			return nil
		}
	}
	if flush != nil {
		flush()
	}
	for q.Follow {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		before := p
		if p, err = s.read(p, func(l Line) bool {
			if e, ok := q.Match(l); ok && !fn(e) {
				stopped = true
			}
			return !stopped && ctx.Err() == nil
		}); err != nil || stopped || ctx.Err() != nil || changed == nil {
			return err
		}
		if p != before {
			if flush != nil {
				flush()
			}
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		}
	}
	return nil
}

// lastEntries keeps the last `most` entries added.
type lastEntries struct {
	most int
	list []adminapi.LogEntry
	next int
}

func (l *lastEntries) add(e adminapi.LogEntry) {
	if len(l.list) < l.most {
		l.list = append(l.list, e)
		return
	}
	l.list[l.next] = e
	l.next = (l.next + 1) % l.most
}

func (l *lastEntries) entries() []adminapi.LogEntry {
	return append(l.list[l.next:len(l.list):len(l.list)], l.list[:l.next]...)
}
