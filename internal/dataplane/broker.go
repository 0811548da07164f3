package dataplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/nats-io/nats.go"

	"github.com/weftmesh/weft/bindings/jetstream"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// typeJetStream is the component that is spoken to directly.
const typeJetStream = "pubsub.jetstream"

// broker carries the links of a mesh, and says how it is.
type broker struct {
	delivery.Broker
	nc *nats.Conn
}

// openBroker connects to the component that spec.broker names. The controller
// writes the cluster's default into the mesh that it hands to its pods.
func openBroker(ctx context.Context, p *mesh.Plan, o Options) (*broker, error) {
	if p.Broker == "" {
		return nil, errors.New("spec.broker is empty: a data plane needs a component that carries the links")
	}
	c, ok := p.Components[p.Broker]
	if !ok {
		return nil, fmt.Errorf("spec.broker: there is no component %q", p.Broker)
	}
	if c.Type != typeJetStream {
		return nil, fmt.Errorf("spec.broker: component %s is a %s; on a cluster links travel by %s", c.Name, c.Type, typeJetStream)
	}
	metadata, err := metadataOf(c, o.Secrets)
	if err != nil {
		return nil, err
	}
	nc, err := jetstream.Dial(metadata, "weft "+p.Namespace+"/"+p.Name+" "+string(o.Role), o.Logger)
	if err != nil {
		return nil, fmt.Errorf("component %s: %w", c.Name, err)
	}
	b, err := jetstream.Connect(ctx, nc, jetstream.Options{Namespace: p.Namespace, Mesh: p.Name, Logger: o.Logger})
	if err != nil {
		nc.Close()
		return nil, fmt.Errorf("component %s: %w", c.Name, err)
	}
	return &broker{Broker: b, nc: nc}, nil
}

// well says why no event can be stored at present; nil if all is well.
func (b *broker) well() error {
	if s := b.nc.Status(); s != nats.CONNECTED {
		return fmt.Errorf("the connection to the broker is %s", s)
	}
	return nil
}

// Close flushes what was acknowledged and disconnects.
func (b *broker) Close() error {
	err := b.Broker.Close()
	if ferr := b.nc.Flush(); ferr != nil && !errors.Is(ferr, nats.ErrConnectionClosed) {
		slog.Debug("the connection to the broker closed with something unsent", "error", ferr.Error())
	}
	b.nc.Close()
	return err
}
