package jetstream

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
)

// Lag counts the events of a queue that are not acknowledged.
func (b *Broker) Lag(ctx context.Context, queue string) (int, error) {
	q, err := b.queue(queue)
	if err != nil {
		return 0, err
	}
	s, _, _, err := b.count(ctx, q)
	return s.Waiting + s.InFlight, err
}

// Arrival calls arrived once, when an event comes into a queue after Arrival has
// returned, whoever sends it. It is a plain subscription to the subject that the
// queue's stream keeps, which ends by itself: it costs the server nothing while
// no event comes, and one message when one does. What comes while there is no
// connection, or to a server of a cluster that has not heard of the subscription
// yet, goes by unseen. stop ends it before. The error is delivery.ErrNotFound for
// a queue that the mesh does not have.
func (b *Broker) Arrival(queue string, arrived func()) (stop func(), err error) {
	if _, err := b.queue(queue); err != nil {
		return nil, err
	}
	sub, err := b.nc.Subscribe(b.names.queueSubject(queue), func(*nats.Msg) { arrived() })
	if err == nil {
		err = sub.AutoUnsubscribe(1)
	}
	if err != nil {
		return nil, fmt.Errorf("queue %s: %w", queue, b.mean(err))
	}
	return func() { _ = sub.Unsubscribe() }, nil // it may have ended by itself
}
