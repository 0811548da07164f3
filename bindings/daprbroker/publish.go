package daprbroker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
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

// publisher is the instance that publishes.
type publisher struct {
	b     *Broker
	slots chan struct{}
	// lost counts publishes that the component called done and its server did
	// not confirm.
	lost atomic.Uint64
	// reopening is held while the instance is replaced.
	reopening sync.Mutex

	mu      sync.Mutex
	inst    *instance
	props   map[string]string // that the instance opened with
	failing time.Time         // since when nothing could be published; zero if it can
}

func newPublisher(ctx context.Context, b *Broker) (*publisher, error) {
	p := &publisher{b: b, slots: make(chan struct{}, publishesMost)}
	var err error
	p.inst, err = p.connect(ctx)
	return p, err
}

func (p *publisher) connect(ctx context.Context) (*instance, error) {
	c := connection{settings: p.b.traits.publish, props: func(props map[string]string) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.props = props
	}}
	if mark := p.b.traits.unconfirmed; mark != "" {
		c.logged = func(text string) {
			if strings.Contains(text, mark) {
				p.lost.Add(1)
			}
		}
	}
	return p.b.connect(ctx, c)
}

// metadata is what the component opened with.
func (p *publisher) metadata() map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.props
}

// publish returns nil once the component says that its server has the message.
func (p *publisher) publish(ctx context.Context, topic string, data []byte) error {
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("topic %s: too many publishes wait for the component: %w", topic, ctx.Err())
	case <-p.b.done:
		return delivery.ErrClosed
	}
	p.mu.Lock()
	inst := p.inst
	p.mu.Unlock()
	done := make(chan error, 1)
	go func() {
		defer func() { <-p.slots }()
		before := p.lost.Load()
		err := inst.Publish(ctx, &pubsub.PublishRequest{PubsubName: p.b.name, Topic: topic, Data: data})
		if err == nil && p.lost.Load() != before {
			// One of those that were under way, maybe another.
			err = errors.New("the server did not confirm it")
		}
		done <- err
	}()
	var err error
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
	return p.judge(inst, topic, err)
}

// judge keeps account of failures and says what they mean.
func (p *publisher) judge(inst *instance, topic string, err error) error {
	if err == nil {
		p.mu.Lock()
		p.failing = time.Time{}
		p.mu.Unlock()
		return nil
	}
	err = fmt.Errorf("topic %s of %s (%s): %w", topic, p.b.name, p.b.typ, err)
	if means := meaning(err); means != nil {
		return fmt.Errorf("%w: %w", means, err)
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failing.IsZero() {
		p.failing = now
	}
	if p.inst == inst && now.Sub(p.failing) >= reopenAfter {
		p.failing = now
		p.b.background(func() { p.reopen(inst) })
	}
	return err
}

// reopen replaces an instance that has not worked for a while, and has the
// queues' instances replaced, which use the same server.
func (p *publisher) reopen(old *instance) {
	if !p.reopening.TryLock() {
		return
	}
	defer p.reopening.Unlock()
	ctx, cancel := context.WithTimeout(p.b.ctx, reopenAfter)
	defer cancel()
	inst, err := p.connect(ctx)
	if err != nil {
		p.b.log.Debug("component cannot be opened anew", "component", p.b.name, "error", err)
		return
	}
	p.mu.Lock()
	p.inst = inst
	p.mu.Unlock()
	p.b.log.Info("component was opened anew after it had failed for a while", "component", p.b.name)
	for _, q := range p.b.all() {
		q.renew()
	}
	old.close()
}

func (p *publisher) close() {
	p.mu.Lock()
	inst := p.inst
	p.mu.Unlock()
	if !inst.close() {
		p.b.log.Warn("component did not close in time", "component", p.b.name, "waited", closeWait)
	}
}

// meaning tells by their words the errors of components and servers that
// callers must know.
func meaning(err error) error {
	text := strings.ToLower(err.Error())
	for _, phrase := range []string{
		"maximum payload exceeded",        // NATS
		"message size exceeded",           // JetStream
		"too large",                       // Kafka
		"larger than configured max size", // RabbitMQ
		"larger than max",                 // Kafka's client
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
