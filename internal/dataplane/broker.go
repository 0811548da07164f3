package dataplane

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/bindings/daprbroker"
	"github.com/weftmesh/weft/bindings/jetstream"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

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

// broker carries the links of a mesh, and says how it is. What the component
// carries of another type is kept by JetStream as soon as it is taken from there
// (package daprbroker): pauses, attempts, dead letters, the state of circuit
// breakers. So nothing is in a pod alone, and all share it.
type broker struct {
	delivery.Broker
	// keeper is the Broker itself where the component is JetStream.
	keeper *jetstream.Broker
	nc     *nats.Conn
	// set holds the component where it is another.
	set *components.Set
}

// Well says why events cannot be taken or handed on now; nil if they can. Of a
// component beside JetStream senders hear by each of their events.
func (b *broker) Well() error { return b.keeper.Well() }

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
	if why := mesh.Uncarried(c.Type); why != "" {
		return fmt.Errorf("spec.broker: component %s is a %s, which cannot carry links on a cluster: %s; name a %s", c.Name, c.Type, why, mesh.TypeJetStream)
	}
	return nil
}

// keeperOf finds the component that keeps the events of a mesh.
func keeperOf(p *mesh.Plan, keeper string) (v1beta1.Component, error) {
	c := p.Components[p.Broker]
	if mesh.IsJetStream(c.Type) {
		return c, nil
	}
	if keeper == "" {
		return c, fmt.Errorf("spec.broker: component %s is a %s: --keeper must name the component of type %s that keeps what it does not", c.Name, c.Type, mesh.TypeJetStream)
	}
	k, ok := p.Components[keeper]
	switch {
	case !ok:
		return k, fmt.Errorf("--keeper: there is no component %q", keeper)
	case !mesh.IsJetStream(k.Type):
		return k, fmt.Errorf("--keeper: component %s is a %s, and must be a %s", k.Name, k.Type, mesh.TypeJetStream)
	}
	return k, nil
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
	c, err := keeperOf(p.plan, p.opts.Keeper)
	if err != nil {
		return true, err
	}
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
	js, err := jetstream.Connect(ctx, nc, opts)
	if err != nil {
		nc.Close()
		return false, fmt.Errorf("component %s: %w", c.Name, err)
	}
	p.broker = &broker{Broker: js, keeper: js, nc: nc}
	if c.Name != p.plan.Broker {
		if err := p.openCarrier(ctx); err != nil {
			return false, errors.Join(err, p.broker.Close())
		}
	}
	p.dispatcher, err = delivery.New(delivery.Config{
		Plan: p.plan, Broker: p.broker, Endpoints: p.services, Observer: p.recorder,
		Pulls: p.pulls, DrainTimeout: p.opts.Drain, Logger: p.opts.Logger,
	})
	if err != nil {
		return false, errors.Join(fmt.Errorf("component %s: %w", c.Name, err), p.broker.Close())
	}
	return false, nil
}

// openCarrier opens the component that carries the links, which is not
// JetStream.
func (p *process) openCarrier(ctx context.Context) (err error) {
	// Of all components of the mesh this one: the others are its functions'.
	alone := &mesh.Plan{Name: p.plan.Name, Namespace: p.plan.Namespace, Broker: p.plan.Broker, Components: p.plan.Components}
	p.broker.set, err = components.Open(ctx, components.Config{
		Plan: alone, Logger: p.opts.Logger,
		Secret: func(name, key string) ([]byte, bool) {
			data, err := readSecret(p.opts.Secrets, name, key)
			return data, err == nil
		},
	})
	if err != nil {
		return err
	}
	carrier := p.broker.set.PubSub(p.plan.Broker)
	if carrier == nil {
		return fmt.Errorf("component %s did not open", p.plan.Broker)
	}
	p.broker.Broker, err = daprbroker.Open(ctx, daprbroker.Options{
		PubSub: carrier, Local: p.broker.keeper, Shared: true, Namespace: p.plan.Namespace, Mesh: p.plan.Name, Logger: p.opts.Logger,
	})
	if err != nil {
		p.broker.Broker = p.broker.keeper
	}
	return err
}

// Close hands back what has not been taken yet, flushes what was acknowledged,
// and disconnects.
func (b *broker) Close() error {
	err := b.Broker.Close()
	if b.set != nil {
		err = errors.Join(err, b.set.Close(), b.keeper.Close())
	}
	if b.nc.IsConnected() {
		err = errors.Join(err, b.nc.FlushTimeout(flushWithin))
	}
	b.nc.Close()
	return err
}
