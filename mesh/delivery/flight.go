package delivery

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// flight is what a dispatcher has in its hands. One goroutine sends the
// heartbeats of all.
type flight struct {
	mu    sync.Mutex
	tasks map[*task]time.Time // when each was last heard of
}

func (f *flight) add(t *task) {
	now := time.Now()
	f.mu.Lock()
	if f.tasks == nil {
		f.tasks = make(map[*task]time.Time)
	}
	f.tasks[t] = now
	f.mu.Unlock()
}

func (f *flight) remove(t *task) {
	f.mu.Lock()
	delete(f.tasks, t)
	f.mu.Unlock()
}

// due returns the tasks that were last heard of before the time, and counts
// them as heard of now.
func (f *flight) due(before, now time.Time) []*task {
	f.mu.Lock()
	defer f.mu.Unlock()
	var ts []*task
	for t, last := range f.tasks {
		if last.Before(before) {
			f.tasks[t] = now
			ts = append(ts, t)
		}
	}
	return ts
}

// beat sends heartbeats until ctx ends, each event's at least once in
// ProgressInterval. Most events are gone before their first.
func (f *flight) beat(ctx context.Context, log *slog.Logger) {
	ticker := time.NewTicker(ProgressInterval / 2)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			for _, t := range f.due(now.Add(-ProgressInterval/2+time.Second), now) {
				if err := t.del.Progress(ctx); err != nil && ctx.Err() == nil {
					log.Warn("heartbeat of an event failed", "function", t.q.f.Name, "error", err)
				}
			}
		}
	}
}
