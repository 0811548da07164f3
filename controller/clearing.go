package controller

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	knativekinds "github.com/weftmesh/weft/internal/kinds"
)

// clearAfter is how long after the last revision of a deleted Knative Service its
// name stays free: what a revision has goes after it, level by level, and is not
// seen from here. A Service that is made meanwhile finds things of its
// predecessor in the place of its own, which Knative "does not own", and may never
// become ready.
const clearAfter = 5 * time.Second

// clearingOf gives what a mesh's reconciliations, of which there is one at a time,
// have in common.
func (r *Reconciler) clearingOf(mesh types.NamespacedName) map[string]time.Time {
	all, _ := r.clearing.LoadOrStore(mesh, make(map[string]time.Time))
	return all.(map[string]time.Time)
}

// cleared says whether a Knative Service may be made, or is there already: one of
// that name may just have been deleted, with an earlier mesh or by somebody. If
// not, the mesh is looked at again soon.
func (r *run) cleared(ctx context.Context, service *unstructured.Unstructured) (bool, error) {
	name := service.GetName()
	live, err := r.read(ctx, kindKnativeService, name)
	if err != nil || live != nil {
		delete(r.clearing, name)
		return err == nil, err
	}
	left, err := r.leftOf(ctx, name)
	if err != nil {
		return false, err
	}
	if left {
		r.clearing[name] = time.Now()
	}
	seen, had := r.clearing[name]
	if !had || time.Since(seen) >= r.clear {
		delete(r.clearing, name)
		return true, nil
	}
	r.again(max(min(r.clear-time.Since(seen), retrySoon), time.Millisecond))
	return false, nil
}

// leftOf says whether there are revisions of a Knative Service that is not there,
// but for those of the mesh's own Configurations.
func (r *run) leftOf(ctx context.Context, service string) (bool, error) {
	if !has(r.have, kindRevision) {
		return false, nil
	}
	list := kindRevision.list()
	err := r.client.List(ctx, list, client.InNamespace(r.mesh.Namespace), client.UnsafeDisableDeepCopy, client.MatchingLabels{knativekinds.LabelService: service})
	if err != nil {
		return false, fmt.Errorf("list Revisions: %w", err)
	}
	for i := range list.Items {
		owner := metav1.GetControllerOf(&list.Items[i])
		if owner == nil {
			return true, nil
		}
		configuration, err := r.read(ctx, kindConfiguration, owner.Name)
		if err != nil {
			return false, err
		}
		if configuration == nil || !metav1.IsControlledBy(configuration, r.mesh) {
			return true, nil
		}
	}
	return false, nil
}
