package daprbroker

import (
	"context"
	"log/slog"
	"maps"
	"strings"

	"github.com/weftmesh/weft/bindings/components"
)

// connectTo opens instances of p.
func (b *Broker) connectTo(p *components.PubSub) connector {
	return func(ctx context.Context, c connection) (*instance, error) {
		inst, release, err := p.Own(ctx, components.Own{
			Consumer: c.consumer,
			Log:      func(h slog.Handler) slog.Handler { return listener{h, c.logged} },
			Edit: func(props map[string]string) {
				overruled := apply(props, c.settings)
				if len(overruled) > 0 && b.quiet.allow("overruled "+strings.Join(overruled, " ")) {
					b.log.Warn("settings of the component are not used for the links of the mesh, as events would be lost", "component", b.name, "settings", overruled)
				}
				if c.props != nil {
					c.props(maps.Clone(props))
				}
			},
		})
		if err != nil {
			return nil, err
		}
		return &instance{PubSub: inst, release: release}, nil
	}
}
