package jetstream

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	return errors.Join(append(errs, list.Err(), b.removeLogs())...)
}

// removeLogs deletes the logs of acknowledged events.
func (b *Broker) removeLogs() error {
	if b.logs == nil {
		return nil
	}
	dir := filepath.Join(b.opts.Dir, logDir)
	files, err := os.ReadDir(dir)
	err = gone(err)
	for _, f := range files {
		if strings.HasPrefix(f.Name(), b.names.stream) {
			err = errors.Join(err, gone(os.Remove(filepath.Join(dir, f.Name()))))
		}
	}
	return err
}
