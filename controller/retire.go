package controller

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/weftmesh/weft/controller/desired"
	knativekinds "github.com/weftmesh/weft/internal/kinds"
)

// retireAfter is how long a revision stays that no share of traffic is for any
// more. Knative says that a Route is ready when it has told the ingress, and not
// when each of its processes has heard: for a while they go on to send calls
// there.
const retireAfter = 30 * time.Second

// halted are the functions, by label, that the mesh has and that cannot run as it
// says, such as without an image. What runs of them goes on, as with a mesh that
// is not valid.
func (r *run) halted() map[string]bool {
	labels := make(map[string]bool)
	for _, f := range r.plan.Functions {
		if slices.ContainsFunc(r.notes, func(n desired.Note) bool {
			return n.Function == f.Name && n.Type == desired.TypeRunnable && n.Blocking
		}) {
			labels[desired.FunctionLabel(f)] = true
		}
	}
	return labels
}

// retiringOf gives what a mesh's reconciliations, of which there is one at a time,
// have in common.
func (r *Reconciler) retiringOf(mesh types.NamespacedName) map[types.UID]time.Time {
	all, _ := r.retiring.LoadOrStore(mesh, make(map[types.UID]time.Time))
	return all.(map[types.UID]time.Time)
}

// retired says whether an object may go that the mesh does not ask for any more.
// The Configuration of a share of traffic waits until its Service's Route names
// its revision no more, and for retireAfter then. A controller that starts anew
// counts from the beginning.
func (r *run) retired(ctx context.Context, o *unstructured.Unstructured, wanted map[string]bool) (bool, error) {
	if o.GroupVersionKind() != kindConfiguration.GroupVersionKind {
		return true, nil
	}
	name, _, _ := unstructured.NestedString(o.Object, "spec", "template", "metadata", "labels", knativekinds.LabelService)
	service, err := r.read(ctx, kindKnativeService, name)
	if err != nil {
		return false, err
	}
	if service == nil || !wanted[key(service)] {
		delete(r.retiring, o.GetUID())
		return true, nil // nobody calls the function any more
	}
	if observed, _, _ := unstructured.NestedInt64(service.Object, "status", "observedGeneration"); observed != service.GetGeneration() {
		return false, nil // a change of the Service brings us back
	}
	revision, _, _ := unstructured.NestedString(o.Object, "spec", "template", "metadata", "name")
	traffic, _, _ := unstructured.NestedSlice(service.Object, "status", "traffic")
	if slices.ContainsFunc(traffic, func(t any) bool { m, _ := t.(map[string]any); return m["revisionName"] == revision }) {
		return false, nil
	}
	since, had := r.retiring[o.GetUID()]
	if !had {
		since = time.Now()
		r.retiring[o.GetUID()] = since
	}
	if rest := r.retire - time.Since(since); rest > 0 {
		r.again(rest)
		return false, nil
	}
	delete(r.retiring, o.GetUID())
	return true, nil
}
