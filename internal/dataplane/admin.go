package dataplane

import (
	"context"
	"net/http"
	"time"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/adminserver"
	"github.com/weftmesh/weft/internal/telemetry"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// admin serves the admin API of a front. It listens on the pod's own loopback
// interface: whoever may forward ports to the pod may administer the mesh, and
// Kubernetes knows who that is. Web pages in the browser of someone who
// forwards one are kept out by what browsers say of themselves.
func (p *process) admin() http.Handler {
	mux := http.NewServeMux()
	for route, h := range adminserver.Routes(administered{p}) {
		mux.Handle(adminserver.Pattern(route), h)
	}
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !adminserver.Loopback(r.Host) {
			adminserver.WriteProblem(w, adminserver.Fault(http.StatusMisdirectedRequest, "forward a port to the pod", "this server is not %s", r.Host))
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		guarded.ServeHTTP(w, r)
	})
}

// administered is a front as the routes of adminserver see it.
type administered struct{ *process }

func (a administered) Current() (*mesh.Plan, *delivery.Dispatcher) { return a.plan, a.dispatcher }
func (a administered) DeadLetters() delivery.DeadLetters           { return a.broker.DeadLetters() }
func (a administered) Recorder() *telemetry.Recorder               { return a.recorder }

// Status is what this front knows. Queues and dead letters are those of the
// mesh; calls are this front's own. How functions are, Kubernetes says.
func (a administered) Status(ctx context.Context) adminapi.Status {
	st := adminapi.Status{
		Mesh: a.plan.Name, Namespace: a.plan.Namespace, Ready: a.ready() == nil,
		Uptime: time.Since(a.started).Round(time.Second).String(), Functions: []adminapi.Function{}, Links: []adminapi.Link{},
	}
	queues, letters := a.queueStats(ctx), a.deadLetters(ctx)
	for _, f := range a.plan.Functions {
		fig := a.recorder.Function(f.Name)
		q, told := queues[f.Name]
		s := adminapi.Function{
			Name: f.Name, Replicas: []adminapi.Replica{}, InFlight: a.dispatcher.InFlight(f),
			Min: int(f.Scaling.Min), Max: int(f.Scaling.Max), Waiting: q.Waiting,
			Unknown: f.Queued() && !told || letters == nil,
			Breaker: string(a.dispatcher.Breaker(f)), DeadLetters: letters[f.Name],
			Invocations: fig.Invocations, Errors: fig.Errors, ColdStarts: fig.ColdStarts,
			P50ms: adminserver.Milliseconds(fig.P50), P95ms: adminserver.Milliseconds(fig.P95), PerSecond: fig.PerSecond,
		}
		// Events that other dispatchers are calling for count as retrying: a
		// broker does not tell the two apart.
		s.Retrying = max(q.InFlight-s.InFlight, 0)
		s.Queued = s.Waiting + s.Retrying
		st.Functions = append(st.Functions, s)
	}
	for _, l := range a.plan.Links {
		routed, active := a.recorder.Link(l.String())
		st.Links = append(st.Links, adminapi.Link{From: l.From.Name, To: l.To.Name, Condition: l.Condition.String(), Routed: routed, Active: active})
	}
	return st
}
