package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/cluster"
	"github.com/weftmesh/weft/mesh/source"
)

// deleteFromCluster removes a mesh from a cluster.
func (a *app) deleteFromCluster(ctx context.Context, engine engineFlags, force bool) error {
	on, name, err := engine.meshOnCluster()
	if err != nil {
		return a.faults(err)
	}
	if _, err := on.Mesh(ctx, name); err != nil {
		return err
	}
	if !force {
		if err := nothingQueued(ctx, &engine, on, name); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, deleteTimeout)
	defer cancel()
	if err := on.Delete(ctx, name); err != nil {
		return err
	}
	fmt.Fprintf(a.Out, "deleted %s from the namespace %s\n", name, on.Namespace())
	fmt.Fprintln(a.Out, "still there: its queues, at their broker")
	if beside := standBeside(&engine); len(beside) > 0 {
		fmt.Fprintln(a.Out, "still there: what was deployed beside it:", strings.Join(beside, ", "))
	}
	return nil
}

// standBeside names the documents of the mesh's files that are not the mesh:
// others may use them, so they outlive it.
func standBeside(engine *engineFlags) []string {
	if engine.remote.mesh != "" {
		return nil
	}
	bundle, _ := source.Load(engine.mesh.path(), source.Options{Cluster: true}) // a mesh that cannot be read is deleted all the same
	var names []string
	for _, o := range bundle.Objects() {
		u := &unstructured.Unstructured{Object: o.Content}
		if u.GetKind() != v1beta1.Kind {
			names = append(names, u.GetKind()+" "+u.GetName())
		}
	}
	return names
}

// deleteTimeout bounds how long a cluster may take to end what a mesh runs.
const deleteTimeout = 3 * time.Minute

// nothingQueued refuses to delete a mesh whose queues hold events: nobody would
// take them.
func nothingQueued(ctx context.Context, engine *engineFlags, on *cluster.Cluster, name string) error {
	st, err := queuesOf(ctx, on, name)
	var events, letters int
	if err == nil {
		events, letters, err = left(st)
	}
	if err != nil {
		return withHint(fmt.Errorf("whether events are left in the queues of %s cannot be told: %w", name, err), "delete it all the same: weft delete%s --force", engine.again())
	}
	if events+letters == 0 {
		return nil
	}
	return withHint(fmt.Errorf("%s and %s are left in the queues of %s", plural(events, "event"), plural(letters, "dead letter"), name),
		"let them be worked off, or delete it all the same: weft delete%s --force", engine.again())
}

// left counts the events and dead letters that a front knows of. That there are
// none is an error where it does not know of all queues.
func left(st adminapi.Status) (events, letters int, err error) {
	for _, f := range st.Functions {
		events += f.Queued + f.InFlight
		letters += f.DeadLetters
	}
	if events+letters == 0 {
		err = untold(st)
	}
	return events, letters, err
}
