package jetstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// A server that is not ours goes away and comes back, at times without what it
// held. The watch has subscriptions ask anew once there is a connection again,
// as the server may have forgotten what they asked for, and makes anew what is
// not there any more: streams and consumers that were deleted.

const (
	// mendEvery is the least time between two attempts to make anew what is
	// missing.
	mendEvery = time.Second
	// mendWithin bounds each step of an attempt: a request that was on its way
	// when the connection broke is never answered.
	mendWithin = 3 * time.Second
)

// missing says that a stream or consumer was not found.
func (b *Broker) missing() {
	if b.lost == nil {
		return
	}
	select {
	case b.lost <- struct{}{}:
	default:
	}
}

// watch runs until the Broker closes.
func (b *Broker) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-b.closed:
			cancel()
		case <-ctx.Done():
		}
	}()
	up := b.nc.StatusChanged(nats.CONNECTED)
	defer b.nc.RemoveStatusListener(up)
	rest := time.NewTimer(0)
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case _, on := <-up:
			if !on {
				return // the connection was closed
			}
			b.interrupt()
		case <-b.lost:
		}
		if b.nc.IsConnected() {
			b.mendAll(ctx)
		}
		rest.Reset(mendEvery)
		select {
		case <-rest.C:
		case <-ctx.Done():
			return
		}
	}
}

// mendAll looks for all streams and consumers, and tries again later if it
// cannot make one that is missing.
func (b *Broker) mendAll(ctx context.Context) {
	made, err := b.mend(ctx)
	if err == nil {
		b.ailing.Store(nil)
	} else if ctx.Err() == nil {
		if b.ailing.Swap(&err) == nil {
			b.log.Warn("the server does not have all queues, and they cannot be made; will try on", "error", err.Error())
		}
		b.missing()
	}
	if made {
		b.interrupt()
	}
}

// mend makes what is missing.
func (b *Broker) mend(ctx context.Context) (made bool, err error) {
	b.declaring.Lock()
	defer b.declaring.Unlock()
	for _, one := range []struct {
		name string
		make func(context.Context) error
	}{
		{b.names.deadStream(), func(ctx context.Context) error { _, err := newDeadLetters(ctx, b); return err }},
		{b.names.stateStream(), func(ctx context.Context) error { _, err := newState(ctx, b); return err }},
	} {
		anew, err := b.mendStream(ctx, one.name, one.make)
		if err != nil {
			return made, fmt.Errorf("stream %s: %w", one.name, err)
		}
		made = made || anew
	}
	b.mu.Lock()
	queues := make([]*queue, 0, len(b.queues))
	for _, q := range b.queues {
		queues = append(queues, q)
	}
	b.mu.Unlock()
	for _, q := range queues {
		anew, err := b.mendQueue(ctx, q)
		if err != nil {
			return made, fmt.Errorf("queue %s: %w", q.name, err)
		}
		made = made || anew
	}
	return made, nil
}

// mendStream makes a stream that is no queue's if it is missing.
func (b *Broker) mendStream(ctx context.Context, name string, remake func(context.Context) error) (made bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, mendWithin)
	defer cancel()
	if _, err := b.js.Stream(ctx, name); err == nil || !errors.Is(err, js.ErrStreamNotFound) {
		return false, err
	}
	if err := remake(ctx); err != nil {
		return false, err
	}
	b.log.Error("the server had lost a stream, which was made anew", "stream", name)
	return true, nil
}

// mendQueue makes the stream and the consumer of a queue if they are missing.
func (b *Broker) mendQueue(ctx context.Context, q *queue) (made bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, mendWithin)
	defer cancel()
	stream, err := b.js.Stream(ctx, q.stream)
	lost := "consumer"
	switch {
	case err == nil:
		if _, err = stream.Consumer(ctx, consumerName); err == nil || !errors.Is(err, js.ErrConsumerNotFound) {
			return false, err
		}
	case errors.Is(err, js.ErrStreamNotFound):
		lost = "stream"
	default:
		return false, err
	}
	if lost == "stream" {
		// Sequences begin anew, and what is known by the old ones is wrong.
		if err := b.state.stream.Purge(ctx, js.WithPurgeSubject(b.names.attempts(q.name)+"*")); err != nil {
			return false, err
		}
		q.attempts.mu.Lock()
		clear(q.attempts.known)
		q.attempts.mu.Unlock()
		b.clean.forget(q.name)
	}
	if _, err := b.declare(ctx, q.name); err != nil {
		return false, err
	}
	b.log.Error("the server had lost a queue, which was made anew", "queue", q.name, "lost", lost)
	return true, nil
}

// Well says why the server cannot take events at present; nil if it can, as far
// as is known. Connect only.
func (b *Broker) Well() error {
	if s := b.nc.Status(); s != nats.CONNECTED {
		return fmt.Errorf("the connection to NATS is %s", s)
	}
	if why := b.ailing.Load(); why != nil {
		return *why
	}
	return nil
}
