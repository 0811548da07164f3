package local

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

const (
	// gcPercent trades a little processor time for a small engine: under load
	// most of its memory would be garbage not yet collected.
	gcPercent = 25
	// gcAtLeast is how much garbage there may be however little lives, in
	// bytes: a quarter of a heap of some megabytes would be collected hundreds
	// of times a second, and calls would wait for it.
	gcAtLeast = 10 << 20
	// gcMost bounds the percentage for a heap in which almost nothing lives.
	gcMost = 400
)

// collectEarly sets how much garbage may grow, now and after each collection,
// by what lives then; for the process, so once.
var collectEarly = sync.OnceFunc(func() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	set := 0
	adjust := func() {
		metrics.Read(live)
		// To change it stops the world, so small steps are left out.
		if want := percentFor(live[0].Value.Uint64()); want > set+set/8 || want < set-set/8 {
			set = want
			debug.SetGCPercent(want)
		}
	}
	adjust()
	type sentinel struct{ _ *byte } // not of the tiny allocator, whose objects share a block
	var arm func()
	arm = func() {
		runtime.SetFinalizer(new(sentinel), func(*sentinel) {
			adjust()
			arm()
		})
	}
	arm()
})

// percentFor is the percentage of what lives that garbage may grow to.
func percentFor(live uint64) int {
	if live == 0 {
		return gcMost
	}
	return int(min(max(gcPercent, gcAtLeast*100/live), gcMost))
}
