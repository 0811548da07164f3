package replica

import (
	"context"
	"fmt"
	"path"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
	"github.com/weftmesh/weft/scalers/concurrency"
)

// pool is the replicas of one function and the calls that wait for them.
type pool struct {
	m     *Manager
	f     *mesh.Function
	debug bool
	// places of one replica, and bounds of their number.
	places, min, max int
	token            string

	// live replicas and the time of the last prewarming (Unix nanoseconds),
	// for Prewarm, which is called often.
	live   atomic.Int32
	warmed atomic.Int64
	// debuggee is the process that a debugger runs, 0 if none.
	debuggee atomic.Int64

	// setting serialises changes of code.
	setting sync.Mutex

	mu sync.Mutex
	// revision in force; nil while there is no code.
	revision *revision
	number   int
	building bool
	// broken is why there is no code.
	broken   string
	replicas []*replica
	waiters  queue
	stopping bool

	failure  failure
	load     load
	scaler   *concurrency.Scaler
	ticking  bool
	crowded  bool
	restarts int
	colds    uint64
	// changed is closed and renewed when a replica becomes ready or the pool
	// fails; nil while nobody looks.
	changed chan struct{}
}

// revision is one version of a function's code.
type revision struct {
	name string
	code Code
}

// failure counts what goes wrong in a row.
type failure struct {
	// streak is the number of starts that failed, or replicas that crashed
	// before they had done anything, since the last good one.
	streak int
	// until is when the next start may be tried, and reason why not now.
	until  time.Time
	reason string
	// timer tries it.
	timer *time.Timer
}

// Backoff between starts, and the number of failures in a row from which on
// callers do not wait for the next one.
const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 10 * time.Second
	hopeless     = 3
)

func backoff(streak int) time.Duration {
	d := firstBackoff
	for i := 1; i < streak && d < lastBackoff; i++ {
		d *= 2
	}
	return min(d, lastBackoff)
}

// crowdPerProcessor is how many calls in flight for each processor are worth
// replicas of their own, on one machine.
const crowdPerProcessor = 16

// sensible is how many replicas of a function can be of use on one machine: a
// single one uses all processors, so more of them help only where its places
// are the limit. They share the processors and each takes memory of its own:
// more than one for each processor only if together they have fewer than
// crowdPerProcessor places for each.
func sensible(places, processors int) int {
	return max(processors, (crowdPerProcessor*processors+places-1)/places)
}

func newPool(m *Manager, f *mesh.Function) *pool {
	p := &pool{
		m: m, f: f, debug: m.opts.debugs(f), building: true,
		places: max(1, f.Concurrency),
		min:    f.Scaling.Min,
	}
	p.max = m.opts.MaxReplicas
	if p.max == 0 {
		p.max = sensible(p.places, runtime.GOMAXPROCS(0))
	}
	if f.Scaling.Max > 0 {
		p.max = min(p.max, f.Scaling.Max)
	}
	p.min = min(p.min, p.max)
	if p.debug {
		p.min, p.max = 1, 1
	}
	if m.opts.Sink != nil {
		if sink := m.opts.Sink(f); sink != "" {
			p.token = path.Base(sink)
		}
	}
	target := float64(f.Scaling.TargetConcurrency)
	if target == 0 {
		target = max(1, 0.7*float64(p.places)) // Knative's target utilization
	}
	p.scaler = concurrency.New(concurrency.Config{Target: target, Min: p.min, Max: p.max, Idle: m.opts.Idle})
	return p
}

func (p *pool) event(e Event) {
	e.Function = p.f
	p.m.opts.Observer(e)
}

func (p *pool) unavailable(reason string, after time.Duration) *delivery.UnavailableError {
	return &delivery.UnavailableError{Function: p.f.Name, Reason: reason, RetryAfter: max(0, after)}
}

func (p *pool) setBuilding() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.building, p.broken = true, ""
}

func (p *pool) setFailed(reason string) {
	p.mu.Lock()
	p.building, p.broken = false, reason
	// A revision that works goes on working.
	serving := p.revision != nil
	if !serving {
		p.failWaiters(p.unavailable(reason, 0))
	}
	p.signal()
	p.mu.Unlock()
}

// setCode puts new code in force.
func (p *pool) setCode(ctx context.Context, c Code) error {
	p.setting.Lock()
	defer p.setting.Unlock()

	p.mu.Lock()
	if p.stopping {
		p.mu.Unlock()
		return errStopped
	}
	if p.ready() > 0 && p.revision.code.same(c) {
		p.building, p.broken = false, ""
		p.mu.Unlock()
		return nil
	}
	p.number++
	next := &revision{name: fmt.Sprintf("%s-%05d", p.f.Service, p.number), code: c}
	p.building, p.broken = false, ""
	serving := p.ready()
	if serving == 0 || p.debug {
		// Nothing to hand over. What is being started is out of date, and
		// what failed may not fail any more.
		p.resetFailure()
		old := slices.Clone(p.replicas)
		for _, r := range old {
			p.drain(r)
		}
		p.revision = next
		p.demand()
		p.mu.Unlock()
		return nil
	}
	var candidates []*replica
	for range serving {
		candidates = append(candidates, p.start(next, true))
	}
	p.mu.Unlock()

	var err error
	for _, r := range candidates {
		select {
		case <-r.settled:
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err == nil {
			err = r.startErr()
		}
		if err != nil {
			break
		}
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && p.stopping {
		err = errStopped
	}
	if err != nil {
		for _, r := range candidates {
			p.drain(r)
		}
		return err
	}
	p.resetFailure()
	p.revision = next
	for _, r := range slices.Clone(p.replicas) {
		if r.revision == next {
			r.candidate = false
		} else {
			p.drain(r)
		}
	}
	p.grant()
	p.event(Event{Kind: KindReplaced, Revision: next.name})
	return nil
}

func (p *pool) resetFailure() {
	if p.failure.timer != nil {
		p.failure.timer.Stop()
	}
	p.failure = failure{}
}

func (p *pool) count(is func(*replica) bool) int {
	n := 0
	for _, r := range p.replicas {
		if is(r) {
			n++
		}
	}
	return n
}

// ready is the number of replicas that take calls. The lock is held.
func (p *pool) ready() int {
	return p.count(func(r *replica) bool { return r.state == stateReady && !r.candidate })
}

// attached says whether the function is a server that is not ours to start.
func (p *pool) attached() bool { return p.revision != nil && p.revision.code.URL != "" }

// serving replicas take calls or soon will.
func (p *pool) serving() int {
	return p.count(func(r *replica) bool { return r.state != stateDraining && !r.candidate })
}

// demand starts what is missing: the replicas that must run, and one if calls
// wait and none is there. The lock is held.
func (p *pool) demand() {
	if p.revision == nil || p.stopping || p.failure.timer != nil {
		return
	}
	want := p.min
	if p.attached() {
		want = 0
	}
	if p.waiters.length() > 0 {
		want = max(want, 1)
	}
	for range want - p.serving() {
		p.start(p.revision, false)
	}
	if p.waiters.length() > 0 {
		p.arm()
		p.armCrowd()
	}
}

// prewarm starts a replica if there is none.
func (p *pool) prewarm() {
	p.warmed.Store(time.Now().UnixNano())
	if p.live.Load() > 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.revision == nil || p.stopping || p.failure.timer != nil || p.serving() > 0 || time.Now().Before(p.failure.until) {
		return
	}
	p.start(p.revision, false)
	p.arm()
}

// drainAll has all replicas finish, and returns what tells that each is gone.
func (p *pool) drainAll() []<-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	var gone []<-chan struct{}
	for _, r := range slices.Clone(p.replicas) {
		gone = append(gone, r.gone)
		p.drain(r)
	}
	return gone
}

func (p *pool) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopping = true
	p.resetFailure()
	p.failWaiters(fmt.Errorf("function %s: %w", p.f.Name, errStopped))
	for _, r := range slices.Clone(p.replicas) {
		p.drain(r)
	}
	p.signal()
}

// signal wakes those in awaitMin. The lock is held.
func (p *pool) signal() {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// awaitMin waits until the replicas that must run do, or cannot.
func (p *pool) awaitMin(ctx context.Context) error {
	for {
		p.mu.Lock()
		if p.debug || p.stopping || p.attached() || p.ready() >= p.min || p.broken != "" || p.failure.streak >= hopeless {
			p.mu.Unlock()
			return nil
		}
		if p.changed == nil {
			p.changed = make(chan struct{})
		}
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
