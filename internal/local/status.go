package local

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/adminserver"
	"github.com/weftmesh/weft/internal/local/replica"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

func (e *engine) queueStats(ctx context.Context) map[string]delivery.Stats {
	all := make(map[string]delivery.Stats)
	g := e.current.Load()
	for _, f := range g.plan.Functions {
		if !f.Queued() {
			continue
		}
		if s, err := g.broker.Stats(ctx, delivery.QueueName(f)); err == nil {
			all[f.Name] = s
		}
	}
	return all
}

func (e *engine) deadLetters(ctx context.Context) map[string]int {
	counts, err := e.broker.DeadLetters().Count(ctx)
	if err != nil {
		return nil
	}
	return counts
}

// replicas counts the replicas that are ready.
func (e *engine) replicas() map[string]int {
	counts := make(map[string]int)
	g := e.current.Load()
	for _, f := range g.plan.Functions {
		for _, r := range g.manager.Status(f).Replicas {
			if r.State == "ready" {
				counts[f.Name]++
			}
		}
	}
	return counts
}

// status is what is known of the functions and links of the mesh.
func (e *engine) status(ctx context.Context) adminapi.Status {
	g := e.current.Load()
	st := adminapi.Status{
		Mesh: g.plan.Name, Namespace: g.plan.Namespace, Ready: e.ready.Load(), Sync: e.opts.Sync,
		MemoryMB: e.memory(), Functions: []adminapi.Function{}, Links: []adminapi.Link{},
	}
	if !e.run.Started.IsZero() {
		st.Uptime = time.Since(e.run.Started).Round(time.Second).String()
	}
	queues, letters := e.queueStats(ctx), e.deadLetters(ctx)
	for _, f := range g.plan.Functions {
		s := g.manager.Status(f)
		fig := e.recorder.Function(f.Name)
		q := queues[f.Name]
		if s.Source == "" {
			s.Source = codeOf(f)
		}
		s.Waiting = q.Waiting
		s.Retrying = max(q.InFlight-g.dispatcher.InFlight(f), 0)
		s.Queued = s.Waiting + s.Retrying
		s.Breaker = string(g.dispatcher.Breaker(f))
		s.DeadLetters = letters[f.Name]
		s.Routes = g.routes(f)
		s.Invocations, s.Errors, s.ColdStarts = fig.Invocations, fig.Errors, fig.ColdStarts
		s.P50ms, s.P95ms = adminserver.Milliseconds(fig.P50), adminserver.Milliseconds(fig.P95)
		s.PerSecond = fig.PerSecond
		if s.Replicas == nil {
			s.Replicas = []adminapi.Replica{}
		}
		st.Functions = append(st.Functions, s)
	}
	for _, l := range g.plan.Links {
		routed, active := e.recorder.Link(l.String())
		st.Links = append(st.Links, adminapi.Link{
			From: l.From.Name, To: l.To.Name, Condition: l.Condition.String(), Routed: routed, Active: active,
		})
	}
	return st
}

// codeOf is where a function's code is, as its author would write it.
func codeOf(f *mesh.Function) string {
	if len(f.Spec.Command) > 0 {
		return strings.Join(f.Spec.Command, " ")
	}
	return filepath.ToSlash(filepath.Clean(replica.SourceDir("", f)))
}

// memory is the engine's own proportional set size in megabytes, 0 if the
// system does not tell.
func (e *engine) memory() float64 {
	b, err := replica.Memory(os.Getpid())
	if err != nil {
		return 0
	}
	return float64(b) / (1 << 20)
}

// untilStopped is ctx, ended also when the engine stops.
func (e *engine) untilStopped(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-e.stopped:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}
