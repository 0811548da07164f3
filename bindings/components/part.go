package components

import (
	"context"
	"errors"

	"github.com/dapr/components-contrib/bindings"
	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/components-contrib/secretstores"
	"github.com/dapr/components-contrib/state"
	"github.com/dapr/kit/logger"
)

// part is a component of components-contrib, made but not yet opened: one
// field is set, or in and out of a binding that goes both ways, which may be
// the same object.
type part struct {
	state   state.Store
	pubsub  pubsub.PubSub
	in      bindings.InputBinding
	out     bindings.OutputBinding
	secrets secretstores.SecretStore
}

// constructor makes a component that has done nothing yet.
type constructor func(host) part

// host is what a component gets of the engine besides its metadata.
type host struct {
	name   string
	log    logger.Logger
	dir    string
	always bool
}

func stateStore(n func(logger.Logger) state.Store) constructor {
	return func(h host) part { return part{state: n(h.log)} }
}

func pubSub(n func(logger.Logger) pubsub.PubSub) constructor {
	return func(h host) part { return part{pubsub: n(h.log)} }
}

func secretStore(n func(logger.Logger) secretstores.SecretStore) constructor {
	return func(h host) part { return part{secrets: n(h.log)} }
}

func input(n func(logger.Logger) bindings.InputBinding) constructor {
	return func(h host) part { return part{in: n(h.log)} }
}

func output(n func(logger.Logger) bindings.OutputBinding) constructor {
	return func(h host) part { return part{out: n(h.log)} }
}

// bothWays is a binding that takes and gives.
type bothWays interface {
	bindings.InputBinding
	Invoke(context.Context, *bindings.InvokeRequest) (*bindings.InvokeResponse, error)
	Operations() []bindings.OperationKind
}

// both makes one object for the two directions: it holds one connection where
// daprd, which makes two, holds two.
func both[B bothWays](n func(logger.Logger) B) constructor {
	return func(h host) part {
		b := n(h.log)
		return part{in: b, out: b}
	}
}

// component gives the one object of a part.
func (p part) component() any {
	switch {
	case p.state != nil:
		return p.state
	case p.pubsub != nil:
		return p.pubsub
	case p.in != nil:
		return p.in
	case p.out != nil:
		return p.out
	}
	return p.secrets
}

// metadata tells which metadata the component reads. Its method is not part of
// the interfaces of components-contrib in an ordinary build.
func (p part) metadata() metadata.MetadataMap {
	c, ok := p.component().(interface {
		GetComponentMetadata() metadata.MetadataMap
	})
	if !ok {
		return nil
	}
	return c.GetComponentMetadata()
}

func (p part) init(ctx context.Context, base metadata.Base) error {
	switch {
	case p.state != nil:
		return p.state.Init(ctx, state.Metadata{Base: base})
	case p.pubsub != nil:
		return p.pubsub.Init(ctx, pubsub.Metadata{Base: base})
	case p.in != nil:
		return p.in.Init(ctx, bindings.Metadata{Base: base})
	case p.out != nil:
		return p.out.Init(ctx, bindings.Metadata{Base: base})
	}
	return p.secrets.Init(ctx, secretstores.Metadata{Base: base})
}

// close closes the component. Some of components-contrib panic when they are
// closed half opened, which is no reason to take the engine down.
func (p part) close() (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("it was not open")
		}
	}()
	c, ok := p.component().(interface{ Close() error })
	if !ok {
		return nil
	}
	return c.Close()
}
