package delivery

import (
	"context"
	"sync"
	"time"

	"github.com/weftmesh/weft/mesh"
)

// Pauses of a queue's pulling.
const (
	// restFirst and restMost bound the pause after a function turned out to be
	// unavailable, unless the error names one; that is bounded by restNamed.
	restFirst = time.Second
	restMost  = 10 * time.Second
	restNamed = time.Minute
	// pullFirst and pullMost bound the pause after the broker failed.
	pullFirst = 50 * time.Millisecond
	pullMost  = 5 * time.Second
	// workerIdle is how long a goroutine waits for its next event: its grown
	// stack is worth keeping under load, not at rest.
	workerIdle = 2 * time.Second
	// probeSlack is what a probe may take beyond the function's timeout before
	// another dispatcher may probe: a cold start, mostly.
	probeSlack = 30 * time.Second
)

// queue moves the events of one function. Nothing in it waits for another
// function, so that a slow one holds up only itself.
type queue struct {
	d     *Dispatcher
	f     *mesh.Function
	limit *limiter
	brk   *breaker
	tasks sync.WaitGroup
	// work hands events to idle workers.
	work chan *task
	// room wakes the puller when it waits for an event to leave.
	room chan struct{}

	mu      sync.Mutex
	flying  int
	waiting bool
	// resting is when pulling may go on after the function was found
	// unavailable; zero if it is not known to be. Then one event goes ahead,
	// the scout, until one has found a replica.
	resting  time.Time
	restNext time.Duration
	scouting bool
	// epoch ends when the gate may have moved.
	epoch    context.Context
	endEpoch context.CancelFunc

	sharing sync.Mutex
}

func newQueue(d *Dispatcher, f *mesh.Function) *queue {
	q := &queue{
		d: d, f: f, limit: newLimiter(max(1, d.cfg.MaxInFlight(f))), brk: newBreaker(f.Breaker),
		work: make(chan *task), room: make(chan struct{}, 1), restNext: restFirst,
	}
	q.epoch, q.endEpoch = context.WithCancel(context.Background())
	return q
}

// gate says what the queue may pull now.
type gate struct {
	// wait before pulling; 0: go ahead.
	wait time.Duration
	// one event only: to probe the breaker, or to scout for a replica.
	probe, scout bool
}

// run pulls until ctx ends. calls outlives it by the drain.
func (q *queue) run(ctx, calls context.Context) {
	defer context.AfterFunc(ctx, q.moved)()
	var sub Subscription
	unsubscribe := func() {
		if sub != nil {
			if err := sub.Close(); err != nil {
				q.d.log.Debug("close subscription", "function", q.f.Name, "error", err)
			}
			sub = nil
		}
	}
	defer unsubscribe()
	pause := pullFirst
	for {
		epoch := q.currentEpoch()
		if ctx.Err() != nil {
			return
		}
		g := q.gate(time.Now())
		if g.wait > 0 {
			// What the broker has on the way goes back to it.
			unsubscribe()
			sleep(epoch, g.wait)
			continue
		}
		room := q.awaitRoom(epoch)
		if room == 0 {
			continue
		}
		if g.probe || g.scout {
			room = 1
		}
		err := q.pull(ctx, calls, epoch, &sub, g, room)
		switch {
		case err == nil:
			pause = pullFirst
		case epoch.Err() != nil:
			// The end, or the gate moved: look at it again.
		default:
			unsubscribe()
			if q.d.quiet.allow("pull "+q.f.Name, time.Minute, time.Now()) {
				q.d.log.Warn("queue cannot be read; will try on", "function", q.f.Name, "error", err)
			}
			sleep(epoch, jitter(pause))
			pause = min(2*pause, pullMost)
		}
	}
}

// pull fetches up to room events and sets workers on them. The wait for events
// ends with the epoch.
func (q *queue) pull(ctx, calls, epoch context.Context, sub *Subscription, g gate, room int) error {
	if *sub == nil {
		s, err := q.d.cfg.Broker.Subscribe(epoch, QueueName(q.f))
		if err != nil {
			return err
		}
		*sub = s
	}
	ds, err := (*sub).Fetch(epoch, room)
	for _, del := range ds {
		t := &task{q: q, del: del, probe: g.probe, scout: g.scout}
		if g.probe && !q.brk.claim(time.Now(), q.lease()) {
			t.probe = false
		}
		if g.scout {
			q.mu.Lock()
			q.scouting = true
			q.mu.Unlock()
		}
		q.start(ctx, calls, t)
	}
	return err
}

// lease is how long one probe may take.
func (q *queue) lease() time.Duration { return q.f.Timeout + probeSlack }

// start gives the event to an idle worker, or to a new one.
func (q *queue) start(ctx, calls context.Context, t *task) {
	q.mu.Lock()
	q.flying++
	q.mu.Unlock()
	q.d.flight.add(t)
	q.tasks.Add(1)
	select {
	case q.work <- t:
	default:
		go q.worker(ctx, calls, t)
	}
}

func (q *queue) worker(ctx, calls context.Context, t *task) {
	idle := time.NewTimer(workerIdle)
	defer idle.Stop()
	for {
		t.run(ctx, calls)
		q.done(t)
		idle.Reset(workerIdle)
		select {
		case t = <-q.work:
		case <-idle.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// done ends a task that has been settled.
func (q *queue) done(t *task) {
	q.d.flight.remove(t)
	q.mu.Lock()
	q.flying--
	wake := q.waiting
	q.waiting = false
	if t.scout && q.scouting {
		q.scouting = false
		q.nextEpoch()
	}
	q.mu.Unlock()
	if wake {
		select {
		case q.room <- struct{}{}:
		default:
		}
	}
	q.tasks.Done()
}

// called takes note of how long a call took.
func (q *queue) called(took time.Duration) {
	now := time.Now()
	q.mu.Lock()
	q.limit.called(now, took, q.flying)
	q.mu.Unlock()
}

func (q *queue) inFlight() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.flying
}

// awaitRoom waits until one event more may be in flight and returns how many;
// 0 if ctx ended.
func (q *queue) awaitRoom(ctx context.Context) int {
	for ctx.Err() == nil {
		q.mu.Lock()
		n := q.limit.now() - q.flying
		q.waiting = n <= 0
		q.mu.Unlock()
		if n > 0 {
			return n
		}
		select {
		case <-q.room:
		case <-ctx.Done():
		}
	}
	return 0
}

// currentEpoch is to be taken before gate is asked: it ends when the answer
// may be another.
func (q *queue) currentEpoch() context.Context {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.epoch
}

// moved ends the epoch.
func (q *queue) moved() {
	q.mu.Lock()
	q.nextEpoch()
	q.mu.Unlock()
}

func (q *queue) nextEpoch() {
	q.endEpoch()
	q.epoch, q.endEpoch = context.WithCancel(context.Background())
}

// gate says whether to pull: the breaker must be closed or want a probe, and
// the function not be known to be unavailable.
func (q *queue) gate(now time.Time) gate {
	var g gate
	var entered bool
	g.wait, g.probe, entered = q.brk.ask(now)
	if entered {
		q.d.obs.BreakerChanged(q.f, BreakerHalfOpen)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.resting.IsZero() {
		g.scout = true
		g.wait = max(g.wait, q.resting.Sub(now))
		if q.scouting {
			g.wait = max(g.wait, q.lease())
		}
	}
	return g
}

// rest stops pulling for a while: the function is unavailable.
func (q *queue) rest(u *UnavailableError) {
	now := time.Now()
	q.mu.Lock()
	if q.resting.After(now) {
		q.mu.Unlock()
		return
	}
	pause := q.restNext
	if u.RetryAfter > 0 {
		pause = min(u.RetryAfter, restNamed)
	}
	q.restNext = min(2*q.restNext, restMost)
	q.resting = now.Add(pause)
	q.scouting = false
	q.nextEpoch()
	q.mu.Unlock()
	if q.d.quiet.allow("rest "+q.f.Name, time.Minute, now) {
		q.d.log.Warn("function is not available; its events wait", "function", q.f.Name, "reason", u.Reason)
	}
}

// available ends a rest: a replica was found.
func (q *queue) available() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.resting.IsZero() {
		q.resting, q.restNext, q.scouting = time.Time{}, restFirst, false
		q.nextEpoch()
	}
}
