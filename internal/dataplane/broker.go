package dataplane

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/weftmesh/weft/bindings/jetstream"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// typeJetStream is the component that is spoken to directly.
const typeJetStream = "pubsub.jetstream"

// Pauses between attempts to reach a broker that is not there.
const (
	reachFirst = 100 * time.Millisecond
	reachMost  = 2 * time.Second
	// reachWithin bounds one attempt.
	reachWithin = 20 * time.Second
	// reachLogged is how often it is said again that the broker is not there.
	reachLogged = time.Minute

	// flushWithin bounds the wait for what is still to be sent at the end.
	flushWithin = 5 * time.Second
)

// broker carries the links of a mesh, and says how it is.
type broker struct {
	*jetstream.Broker
	nc *nats.Conn
}

// checkBroker says whether links can travel by the component that spec.broker
// names. The controller writes the cluster's default into the mesh that it hands
// to its pods.
func checkBroker(p *mesh.Plan) error {
	if p.Broker == "" {
		return errors.New("spec.broker is empty: a data plane needs a component that carries the links")
	}
	c, ok := p.Components[p.Broker]
	if !ok {
		return fmt.Errorf("spec.broker: there is no component %q", p.Broker)
	}
	if !strings.EqualFold(c.Type, typeJetStream) {
		return fmt.Errorf("spec.broker: component %s is a %s, which does not carry links on a cluster yet: name a %s", c.Name, c.Type, typeJetStream)
	}
	return nil
}

// reachBroker connects to the broker and declares the queues there, however
// long that takes: a mesh may be applied together with its broker. Only what no
// waiting mends, or the end of ctx, is an error.
func (p *process) reachBroker(ctx context.Context) error {
	var logged time.Time
	for pause := reachFirst; ; pause = min(2*pause, reachMost) {
		fatal, err := p.openBroker(ctx)
		switch {
		case err == nil:
			p.waits.Store(nil)
			if !logged.IsZero() {
				p.opts.Logger.Info("the broker is there")
			}
			return nil
		case fatal:
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		}
		p.waits.Store(&err)
		if now := time.Now(); now.Sub(logged) >= reachLogged {
			logged = now
			p.opts.Logger.Warn("the broker is not there yet; will try on", "error", err.Error())
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
	}
}

// openBroker makes one attempt. A fatal error is one of the mesh, or of what its
// files say.
func (p *process) openBroker(ctx context.Context) (fatal bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, reachWithin)
	defer cancel()
	c := p.plan.Components[p.plan.Broker]
	// Read each time: a secret may come late.
	metadata, err := metadataOf(c, p.opts.Secrets)
	if err != nil {
		return false, err
	}
	opts, err := jetstream.Options{Namespace: p.plan.Namespace, Mesh: p.plan.Name, Logger: p.opts.Logger}.With(metadata)
	if err != nil {
		return true, fmt.Errorf("component %s: %w", c.Name, err)
	}
	nc, err := jetstream.Dial(metadata, "weft "+p.plan.Namespace+"/"+p.plan.Name+" "+string(p.opts.Role), p.opts.Logger)
	if err != nil {
		return !errors.Is(err, jetstream.ErrUnreachable), fmt.Errorf("component %s: %w", c.Name, err)
	}
	b, err := jetstream.Connect(ctx, nc, opts)
	if err != nil {
		nc.Close()
		return false, fmt.Errorf("component %s: %w", c.Name, err)
	}
	p.broker = &broker{Broker: b, nc: nc}
	p.dispatcher, err = delivery.New(delivery.Config{
		Plan: p.plan, Broker: p.broker, Endpoints: p.services, Observer: p.recorder,
		Pulls: p.pulls, DrainTimeout: p.opts.Drain, Logger: p.opts.Logger,
	})
	if err != nil {
		return false, errors.Join(fmt.Errorf("component %s: %w", c.Name, err), p.broker.Close())
	}
	return false, nil
}

// Close flushes what was acknowledged and disconnects.
func (b *broker) Close() error {
	err := b.Broker.Close()
	if b.nc.IsConnected() {
		err = errors.Join(err, b.nc.FlushTimeout(flushWithin))
	}
	b.nc.Close()
	return err
}
