package delivery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/mesh"
)

// bury makes e a dead letter of f. The id follows from the event, so that
// burying again after a crash changes nothing.
func (d *Dispatcher) bury(ctx context.Context, f *mesh.Function, e *event.Event, cause error, attempts int) error {
	trace, _, _, _ := splitTraceParent(wire.Extension(e, contract.ExtTraceParent))
	dl := DeadLetter{
		ID:       hashID(e.Source(), e.ID(), "dead", f.KubeName),
		Function: f.Name, Event: e, Error: cause.Error(), Attempts: attempts, TraceID: trace, Time: time.Now(),
	}
	if err := d.cfg.Broker.DeadLetters().Add(ctx, dl); err != nil {
		return fmt.Errorf("dead letter of %s: %w", f.Name, err)
	}
	d.obs.DeadLettered(dl)
	return nil
}

// Redrive puts the event of a dead letter back into its function's queue, with
// a new id, no attempts and no hops, and forgets the dead letter. The new id
// follows from dead letter and event, so that a redrive cut short can be
// repeated.
func (d *Dispatcher) Redrive(ctx context.Context, deadLetterID string) (newID string, err error) {
	dls := d.cfg.Broker.DeadLetters()
	dl, err := dls.Get(ctx, deadLetterID)
	if err != nil {
		return "", fmt.Errorf("dead letter %s: %w", deadLetterID, err)
	}
	f := d.byName[dl.Function]
	if f == nil || d.queues[f] == nil {
		return "", fmt.Errorf("dead letter %s is of function %s, which has no queue in this mesh; drop it, or bring the function back", deadLetterID, dl.Function)
	}
	e := *dl.Event
	c := e.Context.AsV1()
	exts := make(map[string]any, len(c.Extensions))
	for name, v := range c.Extensions {
		if name != contract.ExtAttempt && name != contract.ExtHops {
			exts[name] = v
		}
	}
	c.Extensions = exts
	c.ID = hashID("redrive", dl.ID, dl.Time.UTC().Format(time.RFC3339Nano), string(e.DataEncoded))
	e.Context = c
	if err := d.cfg.Broker.Publish(ctx, QueueName(f), &e); err != nil {
		return "", fmt.Errorf("queue of %s: %w", f.Name, err)
	}
	if err := dls.Remove(ctx, dl.ID); err != nil && !errors.Is(err, ErrNotFound) {
		return c.ID, fmt.Errorf("event is queued again as %s, but its dead letter stays: %w", c.ID, err)
	}
	return c.ID, nil
}
