package daprbroker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/dapr/components-contrib/pubsub"

	"github.com/weftmesh/weft/mesh/delivery"
)

// Pauses between attempts to store an event.
const (
	storeFirst = 20 * time.Millisecond
	storeMost  = time.Second
)

// errBack gives a message back to its component.
var errBack = errors.New("weft gives the event back for now")

// receive takes a message: it returns nil once the event is durable in Local,
// which is the component's leave to forget it. An error is returned only once ctx has ended:
// Redis' component acknowledges a message whose handler fails before.
func (q *queue) receive(ctx context.Context, msg *pubsub.NewMessage) error {
	q.hands.enter()
	defer q.hands.leave()
	if q.b.traits.inProcess {
		return q.pass(ctx, msg)
	}
	e, no, err := unmarshal(msg.Data)
	if err != nil {
		return q.refuse(ctx, msg, err)
	}
	if q.seen.has(no) {
		return nil
	}
	if err := q.room.take(ctx); err != nil {
		return errBack
	}
	defer q.room.taken()
	err = q.keep(ctx, func() error { return q.b.local.Publish(ctx, q.name, e) })
	if errors.Is(err, delivery.ErrTooLarge) {
		err = q.curtail(ctx, e, err)
	}
	if err != nil {
		return err
	}
	q.seen.add(no)
	return nil
}

// pass stores an event that its publisher, in this process, waits for.
func (q *queue) pass(ctx context.Context, msg *pubsub.NewMessage) error {
	e, no, err := unmarshal(msg.Data)
	if err != nil {
		return q.refuse(ctx, msg, err)
	}
	err = q.b.local.Publish(ctx, q.name, e)
	if waiter, ok := q.b.waiters.LoadAndDelete(no); ok {
		waiter.(chan error) <- err //nolint:forcetypeassert // Publish put it there
	}
	return err
}

// keep tries to store something until it works, ctx ends, or trying cannot
// help.
func (q *queue) keep(ctx context.Context, store func() error) error {
	for pause := storeFirst; ; pause = min(2*pause, storeMost) {
		err := store()
		if err == nil || errors.Is(err, delivery.ErrTooLarge) {
			return err
		}
		if ctx.Err() != nil {
			return errBack
		}
		if q.b.quiet.allow("keep " + q.name) {
			q.b.log.Warn("event cannot be taken from its component at present; will try on", "queue", q.name, "component", q.b.name, "error", err)
		}
		if !sleep(ctx, pause) {
			return errBack
		}
	}
}

// refuse puts a message that is no event of Weft's with the dead letters, as an
// event that holds its bytes.
func (q *queue) refuse(ctx context.Context, msg *pubsub.NewMessage, cause error) error {
	e := event.New()
	e.SetSource("/weft/unreadable")
	e.SetType("weft.unreadable")
	e.SetTime(time.Now())
	e.SetDataContentType("application/octet-stream")
	e.DataEncoded, e.DataBase64 = msg.Data, true
	e.SetID(messageID(q.name+"\x00"+string(msg.Data), e.Context.AsV1()))
	return q.bury(ctx, &e, fmt.Sprintf("a message on topic %s is not an event of this mesh: %v", q.topic, cause))
}

// curtail puts an event that Local never takes with the dead letters, if need be
// without its data.
func (q *queue) curtail(ctx context.Context, e *event.Event, cause error) error {
	queued(e, time.Time{})
	return q.bury(ctx, e, fmt.Sprintf("the event came by topic %s and is too large for the engine: %v", q.topic, cause))
}

func (q *queue) bury(ctx context.Context, e *event.Event, text string) error {
	d := delivery.DeadLetter{
		ID: messageID(q.name, e.Context.AsV1()), Function: q.name, Event: e, Error: text, Time: time.Now(),
	}
	err := q.keep(ctx, func() error { return q.b.local.DeadLetters().Add(ctx, d) })
	if errors.Is(err, delivery.ErrTooLarge) {
		d.Error += fmt.Sprintf(" (its %d bytes of data are not kept)", len(e.DataEncoded))
		bare := *e
		bare.DataEncoded = nil
		d.Event = &bare
		q.b.log.Error("data of an event is lost: the event is too large to be kept", "queue", q.name, "event", e.ID(), "bytes", len(e.DataEncoded))
		err = q.keep(ctx, func() error { return q.b.local.DeadLetters().Add(ctx, d) })
	}
	return err
}
