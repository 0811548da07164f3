package telemetry

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// A Recorder is told of calls and events (it is a delivery.Observer) and
// serves metrics, journeys and the figures of `weft top`. It is safe for
// concurrent use; its methods take well under a microsecond.
type Recorder struct {
	mesh     string
	started  time.Time
	now      func() time.Time
	registry *prometheus.Registry
	sources  atomic.Pointer[Sources]
	journeys *journeys

	// inputs counts, by name, the messages that were dropped.
	inputs sync.Map // of *atomic.Uint64

	// table is replaced as a whole when the plan changes.
	mu    sync.Mutex
	table atomic.Pointer[table]
}

// table finds the counters of the functions and links of the current plan and
// of the one before it, whose calls may still be under way.
type table struct {
	plan      *mesh.Plan
	functions map[*mesh.Function]*functionStats
	links     map[*mesh.Link]*linkStats
	// byName and byLink hold what the current plan has, and nothing else:
	// they bound the labels of the metrics.
	byName map[string]*functionStats
	byLink map[string]*linkStats
}

var _ delivery.Observer = (*Recorder)(nil)

// NewRecorder returns a Recorder for the mesh of plan.
func NewRecorder(plan *mesh.Plan) *Recorder {
	r := &Recorder{
		mesh:     plan.Name,
		started:  time.Now(),
		now:      time.Now,
		registry: prometheus.NewRegistry(),
		journeys: newJourneys(),
	}
	r.table.Store(&table{
		functions: map[*mesh.Function]*functionStats{}, links: map[*mesh.Link]*linkStats{},
		byName: map[string]*functionStats{}, byLink: map[string]*linkStats{},
	})
	r.SetPlan(plan)
	r.registry.MustRegister(newCollector(r))
	return r
}

// SetPlan makes the Recorder count for plan. What functions and links of the
// same name have counted so far stays.
func (r *Recorder) SetPlan(plan *mesh.Plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.table.Load()
	t := &table{
		plan:      plan,
		functions: make(map[*mesh.Function]*functionStats), links: make(map[*mesh.Link]*linkStats),
		byName: make(map[string]*functionStats), byLink: make(map[string]*linkStats),
	}
	if old.plan != nil {
		for _, f := range old.plan.Functions {
			t.functions[f] = old.functions[f]
		}
		for _, l := range old.plan.Links {
			t.links[l] = old.links[l]
		}
	}
	for _, f := range plan.Functions {
		s := old.byName[f.Name]
		if s == nil {
			s = &functionStats{name: f.Name}
		}
		t.functions[f], t.byName[f.Name] = s, s
	}
	for _, l := range plan.Links {
		name := l.String()
		s := t.byLink[name]
		if s == nil {
			s = old.byLink[name]
		}
		if s == nil {
			s = &linkStats{name: name}
		}
		t.links[l], t.byLink[name] = s, s
	}
	r.table.Store(t)
}

// Registry holds the metrics of the mesh.
func (r *Recorder) Registry() *prometheus.Registry { return r.registry }

// SetSources tells where the figures come from that are asked for and not
// counted.
func (r *Recorder) SetSources(s Sources) { r.sources.Store(&s) }

func (r *Recorder) function(f *mesh.Function) *functionStats {
	t := r.table.Load()
	if s := t.functions[f]; s != nil {
		return s
	}
	if f != nil {
		if s := t.byName[f.Name]; s != nil {
			return s
		}
	}
	return &functionStats{} // of a plan that is gone: counted nowhere
}

func (r *Recorder) link(l *mesh.Link) *linkStats {
	t := r.table.Load()
	if s := t.links[l]; s != nil {
		return s
	}
	if l != nil {
		if s := t.byLink[l.String()]; s != nil {
			return s
		}
	}
	return &linkStats{}
}

// CallStarted implements delivery.Observer.
func (r *Recorder) CallStarted(f *mesh.Function, link *mesh.Link) {
	r.function(f).inFlight.Add(1)
	if link != nil {
		r.link(link).active.Add(1)
	}
}

// CallEnded implements delivery.Observer.
func (r *Recorder) CallEnded(c delivery.CallRecord) {
	s := r.function(c.Function)
	s.inFlight.Add(-1)
	s.invocations.Add(1)
	if c.Err != nil {
		s.errors.Add(1)
	}
	if c.ColdStart > 0 {
		s.coldStarts.Add(1)
	}
	s.durations.observe(c.Duration)
	s.recent.observe(r.now(), c.Duration)
	var link string
	if c.Link != nil {
		l := r.link(c.Link)
		l.active.Add(-1)
		link = l.name
	}
	r.journeys.add(s.name, link, c)
}

// Routed implements delivery.Observer.
func (r *Recorder) Routed(_ *mesh.Function, link *mesh.Link, e *event.Event) {
	if link != nil {
		r.link(link).routed.Add(1)
	}
	r.journeys.learnKeys(e)
}

// Retrying implements delivery.Observer.
func (r *Recorder) Retrying(c delivery.CallRecord, _ time.Duration) {
	r.function(c.Function).retries.Add(1)
}

// DeadLettered implements delivery.Observer.
func (r *Recorder) DeadLettered(d delivery.DeadLetter) {
	if s := r.table.Load().byName[d.Function]; s != nil {
		s.deadLetters.Add(1)
	}
}

// BreakerChanged implements delivery.Observer.
func (r *Recorder) BreakerChanged(f *mesh.Function, state delivery.BreakerState) {
	r.function(f).breaker.Store(breakerValue(state))
}

// ConditionFailed implements delivery.Observer.
func (r *Recorder) ConditionFailed(link *mesh.Link, _ error) {
	r.link(link).conditionsFailed.Add(1)
}

// Input begins to count for a topic or an input binding. Its name becomes a
// label: only the mesh may say which there are.
func (r *Recorder) Input(name string) { r.inputs.LoadOrStore(name, new(atomic.Uint64)) }

// Dropped counts a message of an Input that no queue can ever take.
func (r *Recorder) Dropped(input string) {
	if n, ok := r.inputs.Load(input); ok {
		n.(*atomic.Uint64).Add(1)
	}
}

// FunctionFigures are the counts of one function.
type FunctionFigures struct {
	Invocations, Errors, ColdStarts uint64
	InFlight                        int
	// P50, P95 and PerSecond are of the last minute.
	P50, P95  time.Duration
	PerSecond float64
	// Breaker is closed, open or half-open.
	Breaker string
}

// Function returns the figures of one function; zero for an unknown one.
func (r *Recorder) Function(name string) FunctionFigures {
	s := r.table.Load().byName[name]
	if s == nil {
		return FunctionFigures{Breaker: breakerName(0)}
	}
	now := r.now()
	calls, p50, p95 := s.recent.read(now)
	seconds := min(max(now.Sub(r.started).Seconds(), 1), windowSlots*slotSeconds-slotSeconds/2)
	return FunctionFigures{
		Invocations: s.invocations.Load(), Errors: s.errors.Load(), ColdStarts: s.coldStarts.Load(),
		InFlight: int(s.inFlight.Load()),
		P50:      p50, P95: p95, PerSecond: float64(calls) / seconds,
		Breaker: breakerName(s.breaker.Load()),
	}
}

// Link returns how many events took a link ("from->to") and how many of its
// deliveries are under way.
func (r *Recorder) Link(name string) (routed uint64, active int) {
	s := r.table.Load().byLink[name]
	if s == nil {
		return 0, 0
	}
	return s.routed.Load(), int(s.active.Load())
}

// InFlight returns the number of calls under way.
func (r *Recorder) InFlight() int {
	var n int64
	for s := range maps.Values(r.table.Load().byName) {
		n += s.inFlight.Load()
	}
	return int(n)
}

// Traces returns up to most journeys, newest first.
func (r *Recorder) Traces(most int) []adminapi.Trace { return r.journeys.list(most) }

// Trace returns the journey of a trace id, an event id or a business key (the
// value of a top-level field id or …Id of an event's data).
func (r *Recorder) Trace(key string) (adminapi.Trace, bool) { return r.journeys.find(key) }
