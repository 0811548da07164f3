package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/mesh"
)

// Dispatcher moves the events of one mesh. All methods are safe for concurrent
// use.
type Dispatcher struct {
	cfg Config
}

// NotLinkedError says that an output was addressed to a function that its own
// function has no link to.
type NotLinkedError struct {
	From, To string
	// Links are the functions that From is linked to.
	Links []string
}

func (e *NotLinkedError) Error() string {
	return fmt.Sprintf("%s emitted to %q, which it has no link to (it is linked to %v)", e.From, e.To, e.Links)
}

// New checks cfg and declares the queues of the plan, so that Submit, Enqueue
// and Call work from then on; nothing is pulled before Run.
func New(cfg Config) (*Dispatcher, error) {
	if cfg.Plan == nil || cfg.Broker == nil || cfg.Endpoints == nil {
		return nil, errors.New("a dispatcher needs a plan, a broker and endpoints")
	}
	return &Dispatcher{cfg: cfg}, nil
}

// Run pulls events and calls functions until ctx ends, then lets calls in
// flight finish for at most Config.DrainTimeout and hands the rest back.
func (d *Dispatcher) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Submit routes the outcome of a call that came through no queue (an HTTP
// request, a trigger, weft invoke) and returns once every routed event is
// durable. ErrQueueFull when a queue is at its bound (submitting the same
// outcome again routes each event once), *NotLinkedError when an output is
// addressed to a function that o.Function has no link to.
func (d *Dispatcher) Submit(ctx context.Context, o Outcome) (Routed, error) {
	return Routed{}, ErrClosed
}

// Enqueue puts an event from outside into f's queue and returns once it is
// durable. Its source and id are kept: they identify it.
func (d *Dispatcher) Enqueue(ctx context.Context, f *mesh.Function, e *event.Event) error {
	return ErrClosed
}

// Call calls f with e once, without queue, retry or routing, as weft invoke
// does. The error says that no call could be made; how a call that was made
// ended is in CallRecord.Err. OutcomeOf makes of both what Submit takes.
func (d *Dispatcher) Call(ctx context.Context, f *mesh.Function, e *event.Event) (CallRecord, []Output, error) {
	return CallRecord{}, nil, ErrClosed
}

// OutcomeOf is the outcome of a call made by Dispatcher.Call with e.
func OutcomeOf(rec CallRecord, e *event.Event, outputs []Output) Outcome { return Outcome{} }

// Redrive puts the event of a dead letter back into its function's queue, with
// a new id, no attempts and no hops, and forgets the dead letter.
func (d *Dispatcher) Redrive(ctx context.Context, deadLetterID string) (newID string, err error) {
	return "", ErrNotFound
}

// Breaker returns the state of f's circuit breaker.
func (d *Dispatcher) Breaker(f *mesh.Function) BreakerState { return BreakerClosed }

// Broker returns the broker of the dispatcher.
func (d *Dispatcher) Broker() Broker { return d.cfg.Broker }
