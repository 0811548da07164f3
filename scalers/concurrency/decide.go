package concurrency

import (
	"math"
	"time"
)

// Observation is what a decision is made from.
type Observation struct {
	Now time.Time
	// Ready replicas now.
	Ready int
	// Stable and Panic are the average calls in flight over the two windows.
	Stable, Panic float64
	// LastCall is when there last was a call in flight.
	LastCall time.Time
}

// Mode is what one decision hands to the next: the zero Mode is stable.
type Mode struct {
	// Since is when the panic threshold was last exceeded; zero in stable
	// mode.
	Since time.Time
	// Peak is the highest number of replicas wanted in this panic.
	Peak int
}

// Panicking says whether m is panic mode.
func (m Mode) Panicking() bool { return !m.Since.IsZero() }

// Decide returns how many replicas there should be, and the mode for the next
// decision. It is pure.
func (c Config) Decide(m Mode, o Observation) (int, Mode) {
	c = c.withDefaults()
	// With none ready the rates would allow no step at all.
	ready := math.Max(1, float64(o.Ready))
	most := math.Ceil(c.MaxScaleUpRate * ready)
	least := math.Floor(ready / c.MaxScaleDownRate)
	wanted := func(average float64) float64 { return math.Ceil(average / c.Target) }
	bounded := func(n float64) int { return int(math.Min(math.Max(n, least), most)) }

	over := wanted(o.Panic)/ready >= c.PanicThreshold/100
	switch {
	case over:
		m.Since = o.Now
	case m.Panicking() && o.Now.Sub(m.Since) > c.StableWindow:
		// By now the surge is in the stable average.
		m = Mode{}
	}

	n := bounded(wanted(o.Stable))
	if m.Panicking() {
		// The stable average can be the higher one when a surge ebbs.
		m.Peak = max(m.Peak, n, bounded(wanted(o.Panic)))
		n = m.Peak
	}
	if idle := o.Now.Sub(o.LastCall) >= c.Idle; idle {
		n, m = 0, Mode{}
	} else {
		n = max(n, 1)
	}
	n = max(n, c.Min)
	if c.Max > 0 {
		n = min(n, c.Max)
	}
	return n, m
}
