package components

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"

	"github.com/dapr/components-contrib/pubsub"
)

// Own says how an instance for one user differs from the others.
type Own struct {
	// Consumer in whose name it subscribes: its consumerID, whatever the
	// component's metadata says.
	Consumer string
	// Edit changes the metadata, secrets resolved, before the instance opens; may
	// be nil.
	Edit func(props map[string]string)
	// Log puts a handler before that of what the instance logs; may be nil.
	Log func(slog.Handler) slog.Handler
}

// openOwn opens an instance for one user.
type openOwn func(ctx context.Context, o Own) (part, error)

// Own returns an instance of the component for the caller alone, who releases
// it. A component that lives in this process has one instance for all.
func (p *PubSub) Own(ctx context.Context, o Own) (instance pubsub.PubSub, close func() error, err error) {
	if p.instance.driver.local {
		return p.instance.pubsub, func() error { return nil }, nil
	}
	p.mu.Lock()
	closed := p.closed
	p.mu.Unlock()
	if closed {
		return nil, nil, fmt.Errorf("component %q (%s): %w", p.Name, p.Type, errSetClosed)
	}
	i, err := p.instance.own(ctx, o)
	if err != nil {
		return nil, nil, fmt.Errorf("component %q (%s), consumer %q: %w", p.Name, p.Type, o.Consumer, err)
	}
	return i.pubsub, i.close, nil
}

var errSetClosed = errors.New("the component is closed")

// startOwn opens an instance with metadata of its own.
func (s *starter) startOwn(ctx context.Context, props map[string]string, o Own) (part, error) {
	props = maps.Clone(props)
	for k := range props {
		if strings.EqualFold(k, consumerID) {
			delete(props, k)
		}
	}
	props[consumerID] = o.Consumer
	if o.Edit != nil {
		o.Edit(props)
	}
	own := *s
	if o.Log != nil {
		own.host.log = &bridge{log: slog.New(o.Log(s.log.With("component", s.component.Name).Handler())), clean: s.clean}
	}
	return own.start(ctx, props)
}
