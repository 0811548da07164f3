package delivery

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	// limitFloor is what the limit is never brought below, unless the most
	// that is allowed is less.
	limitFloor = 32
	// limitWindow is how long the limiter looks before it judges, and
	// limitCalls how many calls it wants to have seen.
	limitWindow = 100 * time.Millisecond
	limitCalls  = 20
	// limitTolerance is how much slower than at their best calls may be before
	// more of them at once count as useless.
	limitTolerance = 1.5
	// limitDrift has the best time be forgotten slowly, by window at the floor,
	// so that a function that has become slower is judged anew.
	limitDrift = 1.02
	// limitSmoothing is the weight of a window's verdict.
	limitSmoothing = 0.3
)

// limiter finds how many calls of a function are worth making at once. Where
// calls wait for something else, more at once are answered no later, and the
// limit grows to the most allowed. Where they compete for processors, more at
// once only take longer each, with connections and stacks to pay for: the
// limit falls to the floor. It compares the mean time of a call with the best
// one seen (the gradient of TCP Vegas and of Netflix' concurrency-limits).
type limiter struct {
	most  int
	limit atomic.Int64

	// Of the current window; guarded by the queue's lock.
	began time.Time
	calls int
	total time.Duration
	peak  int
	best  float64 // mean seconds of a call in the best window
}

func newLimiter(most int) *limiter {
	l := &limiter{most: most}
	l.limit.Store(int64(min(most, limitFloor)))
	return l
}

// now returns the limit in force.
func (l *limiter) now() int { return int(l.limit.Load()) }

// called takes note of a call that has ended and of how many were in flight
// with it.
func (l *limiter) called(at time.Time, took time.Duration, inFlight int) {
	if l.most <= limitFloor {
		return
	}
	if l.calls == 0 {
		l.began = at
	}
	l.calls++
	l.total += took
	l.peak = max(l.peak, inFlight)
	if l.calls < limitCalls || at.Sub(l.began) < limitWindow {
		return
	}
	mean := l.total.Seconds() / float64(l.calls)
	if l.peak <= limitFloor {
		// Only here is a slow call the function's own: more at once may slow
		// one another.
		l.best *= limitDrift
	}
	if l.best == 0 || mean < l.best {
		l.best = mean
	}
	limit := float64(l.limit.Load())
	gradient := max(0.5, min(1, limitTolerance*l.best/mean))
	want := limit * gradient
	if gradient == 1 && float64(l.peak) >= limit/2 {
		want += math.Sqrt(limit) // room that is not used need not grow
	}
	limit += limitSmoothing * (want - limit)
	l.limit.Store(int64(math.Round(max(limitFloor, min(limit, float64(l.most))))))
	l.calls, l.total, l.peak = 0, 0, 0
}
