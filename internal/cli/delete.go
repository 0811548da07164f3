package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/bindings/daprbroker"
	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/local"
	"github.com/weftmesh/weft/mesh/source"
)

func (a *app) deleteCmd() *cobra.Command {
	var (
		engine engineFlags
		force  bool
	)
	c := &cobra.Command{
		Use:   "delete",
		Short: "Stop the mesh and remove its queues.",
		Long: `Stop the engine of a mesh, if one is running, and remove the mesh's queues and
dead letters. While events are left in them, only --force does that.

With --cluster, remove a mesh from a cluster and wait until nothing of it runs.
Its queues stay at their broker, as other things may use that.`,
		Example: "weft delete\nweft delete --force\nweft delete --cluster -n shop",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if engine.remote.use {
				return a.deleteFromCluster(c.Context(), engine, force)
			}
			return a.delete(c.Context(), engine, force)
		},
	}
	engine.addWithCluster(c)
	c.Flags().BoolVar(&force, "force", false, "remove queues that hold events, too")
	return c
}

func (a *app) delete(ctx context.Context, engine engineFlags, force bool) error {
	client, err := adminapi.Open(engine.dir())
	if err == nil {
		err = client.Delete(ctx, force)
	}
	if errors.Is(err, adminapi.ErrNoEngine) {
		return a.deleteStopped(ctx, engine, force)
	}
	var refused *adminapi.Error
	if errors.As(err, &refused) && refused.StatusCode == http.StatusConflict && refused.Hint() == "" {
		return withHint(err, "let them be worked off, or remove them as well: weft delete --force")
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "stopped %s and removed its queues\n", client.Run().Mesh)
	a.remains(engine)
	return nil
}

// deleteStopped removes the queues of a mesh that no engine runs.
func (a *app) deleteStopped(ctx context.Context, engine engineFlags, force bool) error {
	if err := engine.mesh.exists(); err != nil {
		return err
	}
	removed, err := local.Delete(ctx, local.Options{File: engine.mesh.path(), Data: engine.dir()}, force)
	var left *local.LeftError
	switch {
	case errors.As(err, &left):
		return withHint(err, "let them be worked off: weft up; or remove them as well: weft delete --force")
	case err != nil:
		return a.faults(err)
	case !removed:
		fmt.Fprintf(a.Out, "nothing to remove: %s holds no queues\n", readable(engine.dir()))
		return nil
	}
	fmt.Fprintf(a.Out, "no engine was running; removed the queues in %s\n", readable(engine.dir()))
	a.remains(engine)
	return nil
}

// remains tells what a mesh whose links travel by a server of its own leaves
// there: a mesh of the same name would find it.
func (a *app) remains(engine engineFlags) {
	bundle, _ := source.Load(engine.mesh.path(), source.Options{}) // a mesh that cannot be read is deleted all the same
	if bundle.Plan == nil {
		return
	}
	for _, line := range daprbroker.Remains(bundle.Plan, engine.dir()) {
		fmt.Fprintln(a.Out, "still there:", line)
	}
}
