package daprbroker

import (
	"context"
	"sync"
	"time"

	"github.com/weftmesh/weft/mesh/delivery"
)

// subscription takes events from Local, and has the queue take them from the
// component meanwhile.
type subscription struct {
	q    *queue
	sub  delivery.Subscription
	once sync.Once
}

// Subscribe implements delivery.Broker. It succeeds while the component's server
// is away: events come when it is back.
func (b *Broker) Subscribe(ctx context.Context, queue string) (delivery.Subscription, error) {
	if b.ctx.Err() != nil {
		return nil, delivery.ErrClosed
	}
	q, err := b.queue(queue)
	if err != nil {
		return nil, err
	}
	sub, err := b.local.Subscribe(ctx, queue)
	if err != nil {
		return nil, err
	}
	q.use()
	return &subscription{q: q, sub: sub}, nil
}

// Fetch implements delivery.Subscription.
func (s *subscription) Fetch(ctx context.Context, most int) ([]delivery.Delivery, error) {
	b := s.q.b
	if b.ctx.Err() != nil {
		return nil, delivery.ErrClosed
	}
	either, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.ctx, cancel)()
	ds, err := s.sub.Fetch(either, most)
	if err != nil {
		if ctx.Err() == nil && b.ctx.Err() != nil {
			err = delivery.ErrClosed
		}
		return ds, err
	}
	s.q.room.changed()
	for i, d := range ds {
		ds[i] = &inHand{Delivery: d, enqueued: queued(d.Event(), d.Enqueued())}
	}
	return ds, nil
}

// Close implements delivery.Subscription.
func (s *subscription) Close() error {
	s.once.Do(s.q.leave)
	return s.sub.Close()
}

// inHand is a delivery of Local's that knows when its event was published.
type inHand struct {
	delivery.Delivery
	enqueued time.Time
}

// Enqueued implements delivery.Delivery: when the component was given the event,
// by the clock of who gave it.
func (d *inHand) Enqueued() time.Time { return d.enqueued }
