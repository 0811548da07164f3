package telemetry

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weftmesh/weft/mesh/delivery"
)

// functionStats counts the calls of one function. Counters are plain atomics,
// read out at a scrape, so that a call costs no look-up by label.
type functionStats struct {
	name        string
	invocations atomic.Uint64
	errors      atomic.Uint64
	coldStarts  atomic.Uint64
	retries     atomic.Uint64
	deadLetters atomic.Uint64
	inFlight    atomic.Int64
	breaker     atomic.Int32
	durations   histogram
	recent      window
}

// linkStats counts what takes one link.
type linkStats struct {
	name             string
	routed           atomic.Uint64
	conditionsFailed atomic.Uint64
	active           atomic.Int64
}

// The values of function_circuit_breaker_state.
func breakerValue(s delivery.BreakerState) int32 {
	switch s {
	case delivery.BreakerOpen:
		return 2
	case delivery.BreakerHalfOpen:
		return 1
	default:
		return 0
	}
}

func breakerName(v int32) string {
	switch v {
	case 2:
		return string(delivery.BreakerOpen)
	case 1:
		return string(delivery.BreakerHalfOpen)
	default:
		return string(delivery.BreakerClosed)
	}
}

// durationBounds are the upper bounds of function_duration_seconds.
var durationBounds = [...]time.Duration{
	500 * time.Microsecond, time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond,
	5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 5 * time.Minute,
}

type histogram struct {
	counts [len(durationBounds) + 1]atomic.Uint64
	sum    atomic.Uint64 // nanoseconds
}

func (h *histogram) observe(d time.Duration) {
	d = max(d, 0)
	i := 0
	for i < len(durationBounds) && d > durationBounds[i] {
		i++
	}
	h.counts[i].Add(1)
	h.sum.Add(uint64(d))
}

// read returns count, sum in seconds and the cumulative buckets.
func (h *histogram) read() (count uint64, sum float64, buckets map[float64]uint64) {
	buckets = make(map[float64]uint64, len(durationBounds))
	for i := range durationBounds {
		count += h.counts[i].Load()
		buckets[durationBounds[i].Seconds()] = count
	}
	count += h.counts[len(durationBounds)].Load()
	return count, time.Duration(h.sum.Load()).Seconds(), buckets
}

// A window keeps the durations of the last minute in logarithmic buckets of
// 19 % width, in slots of ten seconds.
type window struct {
	mu    sync.Mutex
	slots [windowSlots]windowSlot
}

const (
	windowSlots = 7 // the slot that fills, and six full ones
	slotSeconds = 10
	// four buckets for each doubling from 1 µs to 2^32 µs.
	windowBuckets = 4 * 32
)

type windowSlot struct {
	epoch  int64
	counts [windowBuckets]uint32
}

func windowBucket(d time.Duration) int {
	us := uint64(max(d.Microseconds(), 1))
	exp := bits.Len64(us) - 1
	var frac uint64
	if exp >= 2 {
		frac = (us >> (exp - 2)) & 3
	} else {
		frac = (us << (2 - exp)) & 3
	}
	return min(exp*4+int(frac), windowBuckets-1)
}

// bucketMiddle is the duration that stands for a bucket.
func bucketMiddle(i int) time.Duration {
	base := time.Duration(1<<(i/4)) * time.Microsecond
	return base + base*time.Duration(i%4)/4 + base/8
}

func (w *window) observe(now time.Time, d time.Duration) {
	epoch := now.Unix() / slotSeconds
	w.mu.Lock()
	s := &w.slots[epoch%windowSlots]
	if s.epoch != epoch {
		*s = windowSlot{epoch: epoch}
	}
	s.counts[windowBucket(d)]++
	w.mu.Unlock()
}

// read returns the number of calls of the last minute and their quantiles.
func (w *window) read(now time.Time) (calls uint64, p50, p95 time.Duration) {
	epoch := now.Unix() / slotSeconds
	var sum [windowBuckets]uint64
	w.mu.Lock()
	for i := range w.slots {
		if s := &w.slots[i]; s.epoch > epoch-windowSlots && s.epoch <= epoch {
			for b, n := range s.counts {
				sum[b] += uint64(n)
				calls += uint64(n)
			}
		}
	}
	w.mu.Unlock()
	quantile := func(q float64) time.Duration {
		rank, seen := uint64(q*float64(calls)), uint64(0)
		for b, n := range sum {
			seen += n
			if seen > rank {
				return bucketMiddle(b)
			}
		}
		return 0
	}
	if calls == 0 {
		return 0, 0, 0
	}
	return calls, quantile(0.50), quantile(0.95)
}
