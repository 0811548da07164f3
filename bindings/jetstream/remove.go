package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"

	js "github.com/nats-io/nats.go/jetstream"
)

// Remove deletes all queues, dead letters and shared state of the mesh, with
// the events in them. The Broker is of no use afterwards.
func (b *Broker) Remove(ctx context.Context) error {
	list := b.js.StreamNames(ctx)
	var errs []error
	for name := range list.Name() {
		if !strings.HasPrefix(name, b.names.stream) {
			continue
		}
		if err := b.js.DeleteStream(ctx, name); err != nil && !errors.Is(err, js.ErrStreamNotFound) {
			errs = append(errs, fmt.Errorf("stream %s: %w", name, err))
		}
	}
	return errors.Join(append(errs, list.Err())...)
}
