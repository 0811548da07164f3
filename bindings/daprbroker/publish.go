package daprbroker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dapr/components-contrib/pubsub"

	"github.com/weftmesh/weft/mesh/delivery"
)

const (
	// publishTimeout bounds one publish: components wait for their server in
	// ways of their own, some without end.
	publishTimeout = 20 * time.Second
	// publishesMost bounds the publishes under way at a time.
	publishesMost = 128
	// reopenAfter is how long publishing must have failed for the component to
	// be opened anew: a client may have given up its server for good.
	reopenAfter = 20 * time.Second
)

// publish returns nil once the component says that its server has the message.
func (p *publisher) publish(ctx context.Context, topic string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	l, err := p.acquire(ctx)
	if err != nil {
		return p.explain(topic, err)
	}
	inst := l.current()
	done := make(chan error, 1)
	go func() {
		// The lane is free when the component lets go of it, not when the
		// caller gives up.
		defer p.release(l)
		before := l.lost.Load()
		err := inst.Publish(ctx, &pubsub.PublishRequest{PubsubName: p.b.name, Topic: topic, Data: data})
		if err == nil && l.lost.Load() != before {
			err = errors.New("the server did not confirm it")
		}
		done <- err
	}()
	select {
	case err = <-done:
		if err == nil {
			// RabbitMQ's component says nil, too, when it gave up with ctx.
			err = ctx.Err()
		}
	case <-ctx.Done():
		err = ctx.Err()
	case <-p.b.done:
		return delivery.ErrClosed
	}
	l.judge(inst, err)
	return p.explain(topic, err)
}

// explain says what failed, and what it means to callers.
func (p *publisher) explain(topic string, err error) error {
	if err == nil || errors.Is(err, delivery.ErrClosed) {
		return err
	}
	err = fmt.Errorf("topic %s of component %s (%s): %w", topic, p.b.name, p.b.typ, err)
	if means := meaning(err); means != nil {
		return fmt.Errorf("%w: %w", means, err)
	}
	return err
}

// meaning tells by their words the errors of components and servers that
// callers must know.
func meaning(err error) error {
	text := strings.ToLower(err.Error())
	for _, phrase := range []string{
		"maximum payload exceeded",        // NATS
		"message size exceeded",           // JetStream
		"message was too large",           // Kafka
		"larger than configured max size", // RabbitMQ
		"larger than configured producer", // Kafka's client
	} {
		if strings.Contains(text, phrase) {
			return delivery.ErrTooLarge
		}
	}
	for _, phrase := range []string{
		"maximum bytes exceeded", "maximum messages exceeded", // JetStream
		"oom command not allowed", // Redis
	} {
		if strings.Contains(text, phrase) {
			return delivery.ErrQueueFull
		}
	}
	return nil
}
