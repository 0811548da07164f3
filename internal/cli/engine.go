package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/weftmesh/weft/internal/adminapi"
)

// call finds the running engine of a mesh, or its front on a cluster, and hands
// do a client of it.
func (f *engineFlags) call(ctx context.Context, do func(*adminapi.Client) error) error {
	if f.remote.use {
		return f.callFront(ctx, do)
	}
	client, err := adminapi.Open(f.dir())
	if err != nil {
		return f.explain(err)
	}
	return f.explain(do(client))
}

// explain says what it means that the engine was not found or did not answer.
func (f *engineFlags) explain(err error) error {
	run := filepath.Join(f.dir(), adminapi.RunFile)
	var stale *adminapi.StaleError
	switch {
	case errors.As(err, &stale):
		return fmt.Errorf("no engine is running for %s (%s is left over from process %d, which %s); start one with: %s",
			f.mesh.path(), readable(stale.Path), stale.PID, stale.Reason, f.upCommand())
	case errors.Is(err, adminapi.ErrNoEngine):
		return fmt.Errorf("no engine is running for %s (looked for %s); start one with: %s", f.mesh.path(), readable(run), f.upCommand())
	}
	return err
}

// upCommand is the command that starts the engine that f looks for.
func (f *engineFlags) upCommand() string {
	cmd := "weft up"
	if f.mesh.file != "" {
		cmd += " -f " + f.mesh.file
	}
	if f.data != "" {
		cmd += " --data " + f.data
	}
	return cmd
}
