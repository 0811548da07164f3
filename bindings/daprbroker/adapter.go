package daprbroker

import (
	"context"

	"github.com/weftmesh/weft/bindings/components"
)

// connectTo opens instances of p.
func connectTo(p *components.PubSub) connector {
	return func(ctx context.Context, c connection) (*instance, error) {
		inst, release, err := p.Consumer(ctx, c.consumer)
		if err != nil {
			return nil, err
		}
		return &instance{PubSub: inst, release: release}, nil
	}
}
