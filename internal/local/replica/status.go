package replica

import (
	"github.com/weftmesh/weft/internal/adminapi"
)

// States of a function, as package adminapi names them.
const (
	functionZero      = "zero"
	functionStarting  = "starting"
	functionReady     = "ready"
	functionBuilding  = "building"
	functionFailed    = "failed"
	functionAttached  = "attached"
	functionDebugging = "debugging"
)

func (p *pool) status() adminapi.Function {
	p.mu.Lock()
	s := adminapi.Function{
		Name: p.f.Name, Min: p.min, Max: p.max, Queued: p.waiters.length(),
		ColdStarts: p.colds, Replicas: make([]adminapi.Replica, 0, len(p.replicas)),
	}
	if p.revision != nil {
		s.Revision = p.revision.name
		s.Source = p.revision.code.URL
	}
	for _, r := range p.replicas {
		a := adminapi.Replica{URL: r.url, State: string(r.state), InFlight: r.inFlight, Started: r.began, Restarts: p.restarts}
		if r.process != nil {
			a.PID = r.process.pid
		}
		s.InFlight += r.inFlight
		s.Replicas = append(s.Replicas, a)
	}
	s.State, s.Reason = p.stateNow()
	p.mu.Unlock()

	for i, r := range s.Replicas {
		if r.PID == 0 {
			continue
		}
		if bytes, err := Memory(r.PID); err == nil {
			s.Replicas[i].MemoryMB = float64(bytes) / (1 << 20)
		}
	}
	return s
}

// stateNow names the state of the pool and the reason for a bad one. The lock
// is held.
func (p *pool) stateNow() (state, reason string) {
	switch {
	case p.attached() && p.failure.streak == 0:
		return functionAttached, p.broken
	case p.debug && p.serving() > 0:
		return functionDebugging, p.broken
	case p.ready() > 0:
		return functionReady, p.broken
	case p.building:
		return functionBuilding, ""
	case p.broken != "":
		return functionFailed, p.broken
	case p.failure.streak >= hopeless:
		return functionFailed, p.failure.reason
	case p.serving() > 0:
		return functionStarting, p.failure.reason
	}
	return functionZero, p.failure.reason
}
