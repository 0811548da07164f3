package delivery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/mesh"
)

// Defaults of Config.
const (
	defaultDrain      = 30 * time.Second
	defaultMaxAnswer  = 4 << 20
	defaultInFlight   = 256
	declareTimeout    = 30 * time.Second
	conditionLogEvery = time.Minute
)

// Dispatcher moves the events of one mesh. All methods are safe for concurrent
// use.
type Dispatcher struct {
	cfg    Config
	id     string
	log    *slog.Logger
	obs    Observer
	router *Router
	caller *caller
	own    *http.Transport
	keys   map[string]*mesh.Link
	byName map[string]*mesh.Function
	queues map[*mesh.Function]*queue
	warm   map[*mesh.Function][]*mesh.Function
	flight flight
	quiet  quiet
}

// NotLinkedError says that an output was addressed to a function that its own
// function has no link to.
type NotLinkedError struct {
	From, To string
	// Links are the functions that From is linked to.
	Links []string
}

func (e *NotLinkedError) Error() string {
	if len(e.Links) == 0 {
		return fmt.Sprintf("%s emitted to %q, but has no links; add one to spec.connections", e.From, e.To)
	}
	return fmt.Sprintf("%s emitted to %q, to which it has no link; it is linked to %q", e.From, e.To, e.Links)
}

// QueueName is the name by which a Broker knows f's queue.
func QueueName(f *mesh.Function) string { return f.KubeName }

// New checks cfg and declares the queues of the plan, so that Submit, Enqueue
// and Call work from then on; nothing is pulled before Run.
func New(cfg Config) (*Dispatcher, error) {
	if cfg.Plan == nil || cfg.Broker == nil || cfg.Endpoints == nil {
		return nil, errors.New("a dispatcher needs a plan, a broker and endpoints")
	}
	if cfg.DrainTimeout <= 0 {
		cfg.DrainTimeout = defaultDrain
	}
	if cfg.MaxAnswer <= 0 {
		cfg.MaxAnswer = defaultMaxAnswer
	}
	if cfg.MaxInFlight == nil {
		cfg.MaxInFlight = maxInFlight
	}
	d := &Dispatcher{
		cfg: cfg, id: randomHex(8), log: cfg.Logger, obs: cfg.Observer,
		own:    newTransport(),
		keys:   make(map[string]*mesh.Link),
		byName: make(map[string]*mesh.Function),
		queues: make(map[*mesh.Function]*queue),
		warm:   make(map[*mesh.Function][]*mesh.Function),
	}
	if d.log == nil {
		d.log = slog.Default()
	}
	if d.obs == nil {
		d.obs = noObserver{}
	}
	d.caller = &caller{transport: d.own, maxAnswer: cfg.MaxAnswer}
	var err error
	if d.router, err = NewRouter(cfg.Plan, d.conditionFailed); err != nil {
		return nil, err
	}
	for _, l := range cfg.Plan.Links {
		d.keys[d.router.Key(l)] = l
	}
	var names []string
	for _, f := range cfg.Plan.Functions {
		d.byName[f.Name], d.byName[f.KubeName] = f, f
		d.warm[f] = cfg.Plan.Downstream(f)
		if f.Queued() {
			d.queues[f] = newQueue(d, f)
			names = append(names, QueueName(f))
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), declareTimeout)
	defer cancel()
	if err := cfg.Broker.Declare(ctx, names...); err != nil {
		return nil, fmt.Errorf("declare queues: %w", err)
	}
	return d, nil
}

// maxInFlight is concurrency times max replicas, at most 256.
func maxInFlight(f *mesh.Function) int {
	if f.Concurrency <= 0 {
		return defaultInFlight
	}
	return max(1, min(f.Concurrency*max(1, f.Scaling.Max), defaultInFlight))
}

// Run pulls events and calls functions until ctx ends, then lets calls in
// flight finish for at most Config.DrainTimeout and hands the rest back: calls
// cut off by that are no attempts. To be called once.
func (d *Dispatcher) Run(ctx context.Context) error {
	// Calls outlive ctx by the drain timeout.
	calls, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	defer d.own.CloseIdleConnections()
	go d.flight.beat(calls, d.log)
	if s := d.cfg.Broker.Shared(); s != nil {
		go d.watchBreakers(ctx, s)
	}
	var pulling sync.WaitGroup
	for f, q := range d.queues {
		if d.cfg.Pulls == nil || d.cfg.Pulls(f) {
			pulling.Go(func() { q.run(ctx, calls) })
		}
	}
	<-ctx.Done()
	drain := time.AfterFunc(d.cfg.DrainTimeout, func() { cut(errShutdown) })
	defer drain.Stop()
	pulling.Wait()
	for _, q := range d.queues {
		q.tasks.Wait()
	}
	return nil
}

var errShutdown = errors.New("the engine is shutting down")

// Prewarm starts what f's links lead to, without waiting: for callers of
// functions other than the dispatcher.
func (d *Dispatcher) Prewarm(f *mesh.Function) {
	for _, next := range d.warm[f] {
		d.cfg.Endpoints.Prewarm(next)
	}
}

// Submit routes the outcome of a call that came through no queue (an HTTP
// request, a trigger, weft invoke) and returns once every routed event is
// durable. ErrQueueFull when a queue is at its bound (submitting the same
// outcome again routes each event once), *NotLinkedError when an output is
// addressed to a function that o.Function has no link to.
func (d *Dispatcher) Submit(ctx context.Context, o Outcome) (Routed, error) {
	if o.Status == "" {
		o.Status = mesh.StatusSuccess
	}
	o.TraceParent, o.TraceState = traceOf(o.TraceParent, o.TraceState)
	ds, err := d.router.Route(&o)
	if err != nil || len(ds) == 0 {
		return Routed{}, err
	}
	if _, err := d.publish(ctx, o.Function, ds); err != nil {
		return Routed{}, err
	}
	return routed(ds), nil
}

// publish puts routed events into their queues at the same time. Where that
// fails it returns those that are not durable, and the first one's error.
func (d *Dispatcher) publish(ctx context.Context, from *mesh.Function, ds []Decision) (left []Decision, err error) {
	if len(ds) == 1 {
		if err := d.publishOne(ctx, from, ds[0]); err != nil {
			return ds, err
		}
		return nil, nil
	}
	errs := make([]error, len(ds))
	var wg sync.WaitGroup
	for i, dec := range ds {
		wg.Go(func() { errs[i] = d.publishOne(ctx, from, dec) })
	}
	wg.Wait()
	for i, e := range errs {
		if e != nil {
			left = append(left, ds[i])
			err = cmp.Or(err, e)
		}
	}
	return left, err
}

// routed counts decisions that have been carried out.
func routed(ds []Decision) Routed {
	var r Routed
	for _, dec := range ds {
		if dec.Dead == "" {
			r.Queued++
			r.Links = append(r.Links, dec.Link)
		}
	}
	return r
}

func (d *Dispatcher) publishOne(ctx context.Context, from *mesh.Function, dec Decision) error {
	to := dec.Link.To
	if dec.Dead != "" {
		return d.bury(ctx, to, dec.Event, errors.New(dec.Dead), 0)
	}
	if err := d.cfg.Broker.Publish(ctx, QueueName(to), dec.Event); err != nil {
		return fmt.Errorf("queue of %s: %w", to.Name, err)
	}
	d.obs.Routed(from, dec.Link, dec.Event)
	return nil
}

// Enqueue puts an event from outside into f's queue and returns once it is
// durable. Its source and id are kept: they identify it, and a second one with
// the same two is stored once within the dedup window. Weft's own extensions
// are dropped; a trace begins if it brings none.
func (d *Dispatcher) Enqueue(ctx context.Context, f *mesh.Function, e *event.Event) error {
	if d.queues[f] == nil {
		return fmt.Errorf("function %s has no queue: nothing is linked to it and no trigger fills one", f.Name)
	}
	in := *e
	c := e.Context.AsV1()
	exts := make(map[string]any, len(c.Extensions)+1)
	for name, v := range c.Extensions {
		if !ours(name) {
			exts[name] = v
		}
	}
	parent, state := traceOf(wire.TraceParent(e))
	exts[contract.ExtTraceParent] = parent
	if state != "" {
		exts[contract.ExtTraceState] = state
	}
	c.Extensions = exts
	in.Context = c
	if err := in.Validate(); err != nil {
		return fmt.Errorf("event for %s: %w", f.Name, err)
	}
	if c.DataContentType != nil {
		if err := wire.CheckContentType(*c.DataContentType); err != nil {
			return fmt.Errorf("event for %s: %w", f.Name, err)
		}
	}
	if err := d.cfg.Broker.Publish(ctx, QueueName(f), &in); err != nil {
		return fmt.Errorf("queue of %s: %w", f.Name, err)
	}
	return nil
}

// Call calls f with e once, without queue, retry or routing, as weft invoke
// does. The error says that no call could be made (*UnavailableError, or ctx
// ended); how a call that was made ended is in CallRecord.Err. OutcomeOf makes
// of both what Submit takes.
func (d *Dispatcher) Call(ctx context.Context, f *mesh.Function, e *event.Event) (CallRecord, []Output, error) {
	if err := e.Validate(); err != nil {
		return CallRecord{}, nil, fmt.Errorf("event for %s: %w", f.Name, err)
	}
	c := call{d: d, f: f, trigger: "invoke", attempt: 1, event: e, span: newSpan(wire.Extension(e, contract.ExtTraceParent))}
	if err := c.acquire(ctx); err != nil {
		return CallRecord{}, nil, err
	}
	a := c.make(ctx)
	c.rec.Final = true
	d.obs.CallEnded(c.rec)
	return c.rec, a.outputs, nil
}

// OutcomeOf is the outcome of a call made by Dispatcher.Call with e.
func OutcomeOf(rec CallRecord, e *event.Event, outputs []Output) Outcome {
	o := Outcome{
		Function: rec.Function, InputSource: e.Source(), InputID: e.ID(),
		Status: mesh.StatusSuccess, Outputs: outputs,
		Hops:        hops(e),
		TraceParent: rec.TraceParent(), TraceState: wire.Extension(e, contract.ExtTraceState),
	}
	if rec.Err != nil {
		o.Status, o.Error, o.Outputs = mesh.StatusError, rec.Err.Error(), []Output{{Event: inputAsOutput(e)}}
	}
	return o
}

// inputAsOutput is what a failed call outputs: the input's data, under the
// function's own type.
func inputAsOutput(e *event.Event) event.Event {
	in := e.Context.AsV1()
	return event.Event{
		Context:     &event.EventContextV1{DataContentType: in.DataContentType, Subject: in.Subject, DataSchema: in.DataSchema},
		DataEncoded: e.DataEncoded, DataBase64: e.DataBase64,
	}
}

func hops(e *event.Event) int {
	n, err := strconv.Atoi(wire.Extension(e, contract.ExtHops))
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// Breaker returns the state of f's circuit breaker.
func (d *Dispatcher) Breaker(f *mesh.Function) BreakerState {
	q := d.queues[f]
	if q == nil {
		return BreakerClosed
	}
	state, until := q.brk.current()
	if state == BreakerOpen && !until.After(time.Now()) {
		return BreakerHalfOpen
	}
	return state
}

// InFlight is the number of f's events in the hands of this dispatcher.
func (d *Dispatcher) InFlight(f *mesh.Function) int {
	if q := d.queues[f]; q != nil {
		return q.inFlight()
	}
	return 0
}

// Broker returns the broker of the dispatcher.
func (d *Dispatcher) Broker() Broker { return d.cfg.Broker }

func (d *Dispatcher) conditionFailed(l *mesh.Link, err error) {
	d.obs.ConditionFailed(l, err)
	if d.quiet.allow(d.router.Key(l), conditionLogEvery, time.Now()) {
		d.log.Warn("condition could not be evaluated and counts as false", "link", d.router.Key(l), "condition", l.Condition.String(), "error", err)
	}
}

// quiet keeps a message from filling the log.
type quiet struct {
	mu   sync.Mutex
	last map[string]time.Time
}

// allow says whether the message of that key may be logged now.
func (q *quiet) allow(key string, every time.Duration, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t, ok := q.last[key]; ok && now.Sub(t) < every {
		return false
	}
	if q.last == nil {
		q.last = make(map[string]time.Time)
	}
	q.last[key] = now
	return true
}

type noObserver struct{}

func (noObserver) CallStarted(*mesh.Function, *mesh.Link)          {}
func (noObserver) CallEnded(CallRecord)                            {}
func (noObserver) Routed(*mesh.Function, *mesh.Link, *event.Event) {}
func (noObserver) Retrying(CallRecord, time.Duration)              {}
func (noObserver) DeadLettered(DeadLetter)                         {}
func (noObserver) BreakerChanged(*mesh.Function, BreakerState)     {}
func (noObserver) ConditionFailed(*mesh.Link, error)               {}
