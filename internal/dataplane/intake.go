package dataplane

import (
	"context"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// bodyTimeout is how long a request to the sink, or one of the sidecar, may
	// take to come in.
	bodyTimeout = time.Minute
	// intakeRoom bounds the bodies that are in memory at a time, in bytes. Each is
	// copied some times on its way, and a front has 512 MiB in all.
	intakeRoom = 4 * maxMessage
	// leastRoom is what even a small request takes, in bytes.
	leastRoom = 16 << 10
	// intakeWait is how long a request waits for room.
	intakeWait = 5 * time.Second
)

// intake bounds the memory that requests with events take: what finds no room is
// to come again.
type intake struct {
	next http.Handler
	room *semaphore.Weighted
	wait time.Duration
}

func newIntake(next http.Handler) *intake {
	return &intake{next: next, room: semaphore.NewWeighted(intakeRoom), wait: intakeWait}
}

// ServeHTTP implements http.Handler.
func (i *intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := r.ContentLength
	if n < 0 || n > maxMessage {
		n = maxMessage // no more than that is read of any
	}
	n = max(n, leastRoom)
	ctx, cancel := context.WithTimeout(r.Context(), i.wait)
	defer cancel()
	if i.room.Acquire(ctx, n) != nil {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many large events at once", http.StatusServiceUnavailable)
		return
	}
	defer i.room.Release(n)
	i.next.ServeHTTP(w, r)
}
