package concurrency

import "time"

// bucket is the time that one cell of a window covers, as Knative's.
const bucket = time.Second

// window keeps the values of the last seconds, one cell a second, in a ring.
// A second without a value counts as zero, as no call was in flight then;
// what lies before the first value does not count at all, so that a young
// function is judged by the time it has been seen.
type window struct {
	sums   []float64
	counts []int
	// first and last are the numbers of the first and last second with a
	// value.
	first, last int64
	empty       bool
}

func newWindow(length time.Duration) *window {
	n := max(1, int(length/bucket))
	return &window{sums: make([]float64, n), counts: make([]int, n), empty: true}
}

func second(t time.Time) int64 { return t.UnixNano() / int64(bucket) }

func (w *window) record(now time.Time, value float64) {
	s, n := second(now), int64(len(w.sums))
	switch {
	case w.empty || s-w.last >= n:
		clear(w.sums)
		clear(w.counts)
		w.first, w.last, w.empty = s, s, false
	case s < w.last:
		// A clock set back: the value belongs to the present second.
		s = w.last
	default:
		for i := w.last + 1; i <= s; i++ {
			w.sums[i%n], w.counts[i%n] = 0, 0
		}
		w.last = s
	}
	w.sums[s%n] += value
	w.counts[s%n]++
}

// average returns the mean over the last length of time up to now, at most
// the window's own.
func (w *window) average(now time.Time, length time.Duration) float64 {
	if w.empty {
		return 0
	}
	n := int64(len(w.sums))
	span := min(max(1, int64(length/bucket)), n)
	end := max(second(now), w.last)
	start := max(end-span+1, w.first)
	var total float64
	for i := max(start, w.last-n+1); i <= min(end, w.last); i++ {
		if c := w.counts[i%n]; c > 0 {
			total += w.sums[i%n] / float64(c)
		}
	}
	// A present second that has no value yet is not zero: it is not over.
	if end > w.last && end > start {
		end--
	}
	return total / float64(max(1, end-start+1))
}
