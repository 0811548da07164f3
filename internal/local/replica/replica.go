package replica

import (
	"errors"
	"slices"
	"time"
)

// state of a replica.
type state string

const (
	stateStarting state = "starting"
	stateReady    state = "ready"
	stateDraining state = "draining"
)

// replica is one process of a function, or the server at its url.
type replica struct {
	pool     *pool
	revision *revision
	began    time.Time

	// Guarded by the pool's lock.
	state state
	// candidate replicas take no calls before their revision is in force.
	candidate bool
	// suspect ones take none until they have shown that they listen.
	suspect bool
	// served says that a call has succeeded.
	served   bool
	inFlight int
	url      string
	readyAt  time.Time
	// reason for which the manager gave it up.
	reason string

	process *process
	// idle is closed once it is to end and has no call left, settled once it
	// is ready or has failed to become it (err says why), gone once nothing
	// is left of it.
	idle, settled, gone chan struct{}
	err                 error
}

// start begins a replica. The lock is held.
func (p *pool) start(rev *revision, candidate bool) *replica {
	r := &replica{
		pool: p, revision: rev, began: time.Now(), state: stateStarting, candidate: candidate,
		idle: make(chan struct{}), settled: make(chan struct{}), gone: make(chan struct{}),
	}
	p.replicas = append(p.replicas, r)
	p.live.Add(1)
	p.m.processes.Add(1)
	if rev.code.URL != "" {
		go r.attach()
	} else {
		go r.run()
	}
	return r
}

// drain has a replica take no new call, and end when it has none left. The
// lock is held.
func (p *pool) drain(r *replica) {
	if r.state == stateDraining {
		return
	}
	was := r.state
	r.state = stateDraining
	p.live.Add(-1)
	pid := 0
	if r.process != nil {
		pid = r.process.pid
	}
	p.event(Event{Kind: KindDraining, Revision: r.revision.name, PID: pid, URL: r.url})
	if r.inFlight == 0 || was == stateStarting {
		r.quiet()
		return
	}
	if p.f.Timeout > 0 && !p.debug {
		// No call may last longer.
		time.AfterFunc(p.f.Timeout, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			r.quiet()
		})
	}
}

// quiet says that a draining replica may end. The pool's lock is held.
func (r *replica) quiet() {
	select {
	case <-r.idle:
	default:
		close(r.idle)
	}
}

// ready puts a replica to work; false if it is no longer wanted.
func (r *replica) ready(url string) bool {
	p := r.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.state != stateStarting {
		return false
	}
	r.state, r.url, r.readyAt = stateReady, url, time.Now()
	close(r.settled)
	p.grant()
	p.signal()
	return true
}

// startErr is why a settled replica did not become ready.
func (r *replica) startErr() error {
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	return r.err
}

// healthyAfter is how long a replica that has served no call must have been
// ready for its end not to count with failures before.
const healthyAfter = 5 * time.Second

// lost takes an ended replica out of the pool and makes up for it. how says
// how it ended; patient false means that trying again soon is of no use.
func (r *replica) lost(how string, patient bool) {
	p := r.pool
	now := time.Now()
	p.mu.Lock()
	p.replicas = slices.DeleteFunc(p.replicas, func(o *replica) bool { return o == r })
	wished := r.state == stateDraining
	was := r.state
	if !wished {
		p.live.Add(-1)
		r.state = stateDraining
		r.err = p.unavailable(how, 0)
	} else if r.err == nil {
		r.err = errors.New("it was not wanted any more")
	}
	select {
	case <-r.settled:
	default:
		close(r.settled)
	}
	var events []Event
	pid := 0
	if r.process != nil {
		pid = r.process.pid
	}
	exit := Event{Kind: KindExited, Revision: r.revision.name, PID: pid, URL: r.url}
	if !wished {
		exit.Err = r.err
	}
	if pid != 0 || !wished {
		events = append(events, exit)
	}
	if !wished && !r.candidate && !p.stopping {
		if was == stateReady {
			p.restarts++
			if now.Sub(r.readyAt) >= healthyAfter {
				p.failure.streak = 0
			}
		}
		if r.served {
			// A crash out of good work: at once again.
			p.failure.streak = 0
			p.demand()
		} else if err := p.failed(now, how, patient); err != nil {
			events = append(events, Event{Kind: KindFailed, Err: err})
		}
	}
	p.demand()
	if len(p.replicas) == 0 {
		events = append(events, Event{Kind: KindZero})
	}
	for _, e := range events {
		p.event(e)
	}
	p.mu.Unlock()
	close(r.gone)
	p.m.processes.Done()
}

// failed counts a failure and puts off the next start. From some failures in
// a row on those in line are sent away with the error that it returns. The
// lock is held.
func (p *pool) failed(now time.Time, how string, patient bool) error {
	p.failure.streak++
	switch {
	case p.attached():
		// Whoever starts the server wants it used soon.
		p.failure.streak = hopeless
	case !patient:
		p.failure.streak = max(p.failure.streak, hopeless)
	}
	pause := backoff(p.failure.streak)
	p.failure.until, p.failure.reason = now.Add(pause), how
	if p.failure.timer == nil {
		p.failure.timer = time.AfterFunc(pause, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.failure.timer = nil
			p.demand()
		})
	}
	if p.failure.streak < hopeless {
		return nil
	}
	p.signal()
	err := p.unavailable(how, pause)
	if p.ready() == 0 {
		p.failWaiters(err)
	}
	return err
}
