package replica

import (
	"slices"
	"time"
)

// tick is how often a pool in use looks at its load, as Knative's autoscaler.
const tick = time.Second

// crowd is how long calls wait, with every place taken, before replicas are
// started for them without asking the averages: none of those there can take
// them, whatever the target.
const crowd = 100 * time.Millisecond

// arm has the pool look at its load in a while. The lock is held.
func (p *pool) arm() {
	if p.ticking || p.stopping || p.attached() {
		return
	}
	p.ticking = true
	p.load.restart(time.Now())
	time.AfterFunc(tick, p.scale)
}

// scale adjusts the number of replicas to the load, and goes on looking while
// there is something to adjust.
func (p *pool) scale() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping || p.attached() {
		p.ticking = false
		return
	}
	now := time.Now()
	p.scaler.Record(now, p.load.average(now))
	warmed := time.Unix(0, p.warmed.Load())
	p.scaler.Touch(warmed)
	have := p.serving()
	want := p.scaler.Replicas(now, p.ready())
	switch {
	case want > have && have > 0:
		// None at all is a matter of demand: a call brings the first one.
		p.startMore(want - have)
	case want < have:
		p.retire(have - want)
	}
	if p.serving() > p.min || p.load.calls > 0 {
		time.AfterFunc(tick, p.scale)
		return
	}
	p.ticking = false
}

func (p *pool) startMore(n int) {
	if p.revision == nil || p.failure.timer != nil {
		return
	}
	for range n {
		p.start(p.revision, false)
	}
}

// retire has n replicas finish: those with the fewest calls, of these the
// youngest. One being started for a call in line stays.
func (p *pool) retire(n int) {
	var serving []*replica
	for _, r := range p.replicas {
		if r.state == stateReady && !r.candidate || r.state == stateStarting && p.waiters.length() == 0 && !r.candidate {
			serving = append(serving, r)
		}
	}
	slices.SortStableFunc(serving, func(a, b *replica) int {
		if a.inFlight != b.inFlight {
			return a.inFlight - b.inFlight
		}
		return b.began.Compare(a.began)
	})
	for _, r := range serving[:min(n, len(serving))] {
		p.drain(r)
	}
}

// armCrowd has the pool look soon whether calls still find every place taken.
// The lock is held.
func (p *pool) armCrowd() {
	if p.crowded || p.stopping || p.max <= 1 || p.attached() {
		return
	}
	p.crowded = true
	time.AfterFunc(crowd, p.uncrowd)
}

func (p *pool) uncrowd() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.crowded = false
	if p.stopping || p.attached() || p.waiters.length() == 0 {
		return
	}
	starting := p.count(func(r *replica) bool { return r.state == stateStarting })
	if have := p.serving(); starting == 0 && have > 0 && have < p.max {
		want := (p.load.calls + p.places - 1) / p.places
		p.startMore(min(want, p.max) - have)
	}
	if p.serving() < p.max {
		p.armCrowd()
	}
}
