package delivery

import (
	"context"
	"encoding/json"
	"strings"
	"time"
)

// How a queue and its breaker work together, and dispatchers with each other.

// judge tells the breaker how a call ended.
func (q *queue) judge(c *call, a answer, probe bool) {
	now := time.Now()
	if a.err == nil || a.final {
		if q.brk.success(c.rec.Started, now) {
			q.turned(BreakerClosed)
			return
		}
	} else {
		replica := ""
		if a.broken {
			replica = c.ep.URL
		}
		if q.brk.failure(c.event.ID(), replica, c.rec.Started, now) {
			q.turned(BreakerOpen)
			return
		}
	}
	if probe {
		q.brk.unclaim()
		q.moved()
	}
}

// turned makes a change of the breaker known.
func (q *queue) turned(s BreakerState) {
	q.moved()
	q.d.obs.BreakerChanged(q.f, s)
	if s == BreakerOpen {
		q.d.log.Warn("circuit opened: events wait", "function", q.f.Name, "failures", q.f.Breaker.FailureThreshold, "recovery", q.f.Breaker.RecoveryTimeout.String())
	} else {
		q.d.log.Info("circuit closed", "function", q.f.Name)
	}
	if q.d.cfg.Broker.Shared() != nil {
		go q.share()
	}
}

// mayCall says whether an event in hand may be called with: not if the breaker
// opened after it was fetched, nor if another dispatcher is probing.
func (q *queue) mayCall(ctx context.Context, probe bool) bool {
	if ctx.Err() != nil {
		return false
	}
	if !probe {
		return q.brk.closed()
	}
	shared := q.d.cfg.Broker.Shared()
	if shared == nil {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, shareTimeout)
	defer cancel()
	now := time.Now()
	value, revision, err := shared.Get(ctx, q.shareKey())
	if err != nil {
		return true
	}
	var seen circuit
	if revision > 0 && json.Unmarshal(value, &seen) == nil && seen.By != q.d.id {
		if seen.State == BreakerHalfOpen && seen.Until.After(now) || seen.State == BreakerOpen && seen.Until.After(now) {
			if q.brk.adopt(seen.State, seen.Until, now) {
				q.d.obs.BreakerChanged(q.f, seen.State)
			}
			q.moved()
			return false
		}
	}
	mine, _ := json.Marshal(circuit{State: BreakerHalfOpen, Until: now.Add(q.lease()), By: q.d.id})
	ok, err := shared.Put(ctx, q.shareKey(), mine, revision)
	return ok || err != nil
}

// circuit is the state of a breaker as dispatchers share it.
type circuit struct {
	State BreakerState `json:"state"`
	Until time.Time    `json:"until"`
	// By is the dispatcher that says so.
	By string `json:"by"`
}

const (
	shareTimeout = 2 * time.Second
	sharePrefix  = "breaker."
)

func (q *queue) shareKey() string { return sharePrefix + q.f.KubeName }

// share tells the other dispatchers the state as it is by now. That they miss
// it costs them failures of their own, so an error is only worth a note.
func (q *queue) share() {
	q.sharing.Lock()
	defer q.sharing.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), shareTimeout)
	defer cancel()
	shared := q.d.cfg.Broker.Shared()
	for range 3 {
		_, revision, err := shared.Get(ctx, q.shareKey())
		if err == nil {
			state, until := q.brk.current()
			value, _ := json.Marshal(circuit{State: state, Until: until, By: q.d.id})
			var ok bool
			if ok, err = shared.Put(ctx, q.shareKey(), value, revision); ok {
				return
			}
		}
		if err != nil {
			q.d.log.Debug("share circuit state", "function", q.f.Name, "error", err)
			return
		}
	}
}

// watchBreakers follows what other dispatchers say, until ctx ends.
func (d *Dispatcher) watchBreakers(ctx context.Context, s Shared) {
	byKey := make(map[string]*queue, len(d.queues))
	for _, q := range d.queues {
		byKey[q.shareKey()] = q
	}
	heard := func(key string, value []byte) {
		var c circuit
		q := byKey[key]
		if !strings.HasPrefix(key, sharePrefix) || q == nil || json.Unmarshal(value, &c) != nil || c.By == d.id {
			return
		}
		if q.brk.adopt(c.State, c.Until, time.Now()) {
			q.moved()
			d.obs.BreakerChanged(q.f, c.State)
		}
	}
	for pause := pullFirst; ctx.Err() == nil; pause = min(2*pause, pullMost) {
		if err := s.Watch(ctx, heard); err != nil && ctx.Err() == nil {
			d.log.Debug("watch circuit states", "error", err)
		}
		sleep(ctx, pause)
	}
}
