package components

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/dapr/components-contrib/pubsub"
)

// PubSub is a pub/sub component.
type PubSub struct {
	Info

	instance *instance
	scopes   scopes

	mu        sync.Mutex
	closed    bool
	consumers map[string]*consumer
}

func newPubSub(info Info, i *instance) *PubSub {
	return &PubSub{Info: info, instance: i, scopes: newScopes(i.props), consumers: make(map[string]*consumer)}
}

// consumer is an instance that is used by as many as asked for it.
type consumer struct {
	opened chan struct{}
	part   part
	err    error
	used   int
	// ended says that the component closed it.
	ended bool
}

// connect opens an instance in the name of a consumer.
type connect func(ctx context.Context, consumer string) (part, error)

// consumerID is the metadata under which a consumer is known to its component.
const consumerID = "consumerID"

// withConsumer sets the consumer id unless the metadata sets one (daprd's
// pkg/runtime/processor/pubsub). Where no two connections may share an id, the
// consumer is added to the one that is set.
func withConsumer(d *driver, props map[string]string, consumer string) map[string]string {
	for k, v := range props {
		if !strings.EqualFold(k, consumerID) {
			continue
		}
		delete(props, k)
		if v = strings.TrimSpace(v); v == "" {
			continue
		}
		if d.uniqueConsumers {
			v += "-" + consumer
		}
		consumer = v
	}
	props[consumerID] = consumer
	return props
}

// Consumer returns an instance that subscribes in the name of consumer, which
// is the component's consumerID unless its metadata sets one (Dapr's rule, where
// it is the app id). Instances of one consumer share the messages of a topic,
// those of different ones get each. A component that lives in this process has
// one instance for all.
//
// A second call for the same consumer gives the same instance. close releases
// it; the instance ends with the last.
func (p *PubSub) Consumer(ctx context.Context, consumer string) (instance pubsub.PubSub, close func() error, err error) {
	if p.instance.driver.local {
		return p.instance.pubsub, func() error { return nil }, nil
	}
	c, err := p.hold(ctx, consumer)
	if err != nil {
		return nil, nil, fmt.Errorf("component %q (%s), consumer %q: %w", p.Name, p.Type, consumer, err)
	}
	var once sync.Once
	return c.part.pubsub, func() (err error) {
		once.Do(func() { err = p.drop(consumer, c) })
		return err
	}, nil
}

func (p *PubSub) hold(ctx context.Context, name string) (*consumer, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errors.New("the component is closed")
	}
	c, ok := p.consumers[name]
	if !ok {
		c = &consumer{opened: make(chan struct{})}
		p.consumers[name] = c
	}
	c.used++
	p.mu.Unlock()
	if !ok {
		// Others may wait for the same one: it does not end with this caller's
		// context, but with the component's initTimeout.
		c.part, c.err = p.instance.connect(context.WithoutCancel(ctx), name)
		if c.err != nil {
			// Whoever comes next tries again.
			p.mu.Lock()
			if p.consumers[name] == c {
				delete(p.consumers, name)
			}
			p.mu.Unlock()
		}
		close(c.opened)
	} else {
		select {
		case <-c.opened:
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), p.drop(name, c))
		}
	}
	if c.err != nil {
		return nil, errors.Join(c.err, p.drop(name, c))
	}
	return c, nil
}

// drop lets go of a consumer, and closes it if no one else uses it.
func (p *PubSub) drop(name string, c *consumer) error {
	p.mu.Lock()
	c.used--
	last := c.used == 0 && !c.ended
	if last && p.consumers[name] == c {
		delete(p.consumers, name)
	}
	p.mu.Unlock()
	if !last {
		return nil
	}
	<-c.opened
	if c.err != nil {
		return nil
	}
	return c.part.close()
}

// closeConsumers closes those that are still open.
func (p *PubSub) closeConsumers() {
	p.mu.Lock()
	p.closed = true
	open := p.consumers
	p.consumers = nil
	for _, c := range open {
		c.ended = true
	}
	p.mu.Unlock()
	for _, c := range open {
		if <-c.opened; c.err == nil {
			_ = c.part.close()
		}
	}
}
