package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"syscall"

	"github.com/weftmesh/weft/bindings/jetstream"
	"github.com/weftmesh/weft/mesh"
)

// openBroker starts the embedded JetStream on a directory.
func openBroker(dir string, plan *mesh.Plan, opts Options, log *slog.Logger) (*jetstream.Server, error) {
	sync := jetstream.SyncSecond
	if opts.Sync == SyncAlways {
		sync = jetstream.SyncAlways
	}
	s, err := jetstream.Start(context.Background(), jetstream.Options{
		Dir: dir, Sync: sync, Namespace: plan.Namespace, Mesh: plan.Name, DedupWindow: opts.DedupWindow, Logger: log,
	})
	if errors.Is(err, syscall.ENOSPC) {
		return nil, fmt.Errorf("queues in %s: the disk is full; free some space, or keep the data elsewhere with --data", dir)
	}
	return s, err
}
