package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/mesh"
)

const (
	// retryConflicts is how soon a name that someone else has is looked at again:
	// objects without Weft's label are not watched.
	retryConflicts = 30 * time.Second
	// retrySoon is how soon a kind is looked for that is about to be served.
	retrySoon = time.Second
	// timeLimit of one reconciliation, which may wait for a cache to fill.
	timeLimit = 2 * time.Minute
)

// Reconciler brings one mesh at a time to what it asks for.
type Reconciler struct {
	client    client.Client
	direct    client.Reader
	recorder  events.EventRecorder
	installed *installed
	knative   *knative
	settings  desired.Settings
	log       *slog.Logger
	// conflicts is how soon a name that someone else has is looked at again.
	conflicts time.Duration
	// retire is how long a revision stays that is called no more.
	retire time.Duration
	// retiring is since when Configurations of each mesh are not called any more.
	retiring sync.Map // types.NamespacedName -> map[types.UID]time.Time
	// clear is how long the name of a deleted Service stays free.
	clear time.Duration
	// clearing is when revisions of deleted Services of each mesh were last seen.
	clearing sync.Map // types.NamespacedName -> map[string]time.Time
	// written is the status that was last written of each mesh.
	written sync.Map // types.NamespacedName -> written
}

// written is a status, and the version of the mesh that it was written to. A
// cache that still has that version has not seen it yet.
type written struct {
	version string
	status  v1beta1.FunctionMeshStatus
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	fm := &v1beta1.FunctionMesh{}
	if err := r.client.Get(ctx, req.NamespacedName, fm); err != nil {
		if apierrors.IsNotFound(err) {
			r.written.Delete(req.NamespacedName)
			r.retiring.Delete(req.NamespacedName)
			r.clearing.Delete(req.NamespacedName)
			err = nil // the garbage collector does the rest
		}
		return ctrl.Result{}, err
	}
	if last, _ := r.written.Load(req.NamespacedName); last != nil {
		if last := last.(written); last.version == fm.ResourceVersion {
			fm.Status = *last.status.DeepCopy()
		}
	}
	if !fm.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	have, soon, err := r.installed.known(ctx, r.client)
	if err != nil {
		return ctrl.Result{}, err
	}
	run := &run{Reconciler: r, mesh: fm, have: have, applied: make(map[string]*unstructured.Unstructured)}
	if fm.Annotations[desired.AnnotationPaused] == "true" {
		return ctrl.Result{}, run.report(ctx)
	}
	run.retiring, run.clearing = r.retiringOf(req.NamespacedName), r.clearingOf(req.NamespacedName)
	// What could not be found out leaves all as it is, the status too.
	if err := run.reconcile(ctx); err != nil {
		return ctrl.Result{}, err
	}
	if err := errors.Join(append(run.failures, run.report(ctx))...); err != nil {
		return ctrl.Result{}, err
	}
	if soon {
		run.again(retrySoon)
	}
	if len(run.conflicts) > 0 {
		run.again(r.conflicts)
	}
	// Nobody watches what is installed of Knative, of which meshes seldom want more.
	if slices.ContainsFunc(run.notes, func(n desired.Note) bool { return n.Reason == desired.ReasonNoHPA }) {
		run.again(r.knative.fresh)
	}
	return ctrl.Result{RequeueAfter: run.rest}, nil
}

// again has the mesh looked at after a while, or sooner if something else wants
// that.
func (r *run) again(after time.Duration) {
	if r.rest == 0 || after < r.rest {
		r.rest = after
	}
}

// run is one reconciliation of one mesh.
type run struct {
	*Reconciler
	mesh *v1beta1.FunctionMesh
	have []kind

	plan *mesh.Plan
	// problems of the mesh itself.
	problems mesh.Problems
	notes    []desired.Note
	// applied are the mesh's objects as they were when they had been applied: the
	// cache has them a little later.
	applied map[string]*unstructured.Unstructured
	// conflicts and failures are objects that could not be applied.
	conflicts []*conflictError
	failures  []error
	// retiring is since when Configurations are not called any more.
	retiring map[types.UID]time.Time
	// clearing is when revisions of deleted Services were last seen, by Service.
	clearing map[string]time.Time
	// rest is how soon the mesh is to be looked at again without an event; 0 for
	// not at all.
	rest time.Duration
}

// reconcile brings the cluster to what the mesh asks for. An object that fails is
// one of failures and conflicts; the others are applied all the same.
func (r *run) reconcile(ctx context.Context) error {
	found, beside, err := r.find(ctx)
	if err != nil {
		return err
	}
	r.plan, r.problems = mesh.Compile(r.mesh, beside...)
	if r.plan == nil {
		return nil // what runs goes on; the next change of the mesh, or of a component, brings us back
	}
	settings := r.settings
	var halfThere bool
	settings.Has, halfThere = summary(r.have)
	if settings.Has.Knative {
		if settings.Has.HPA, settings.Has.ZeroInitialScale, err = r.knative.features(ctx); err != nil {
			return err
		}
	}
	state := desired.Of(r.plan, settings, found)
	r.notes = state.Notes

	a := &applier{Client: r.client, direct: r.direct, mesh: r.mesh, replaced: r.replaced}
	wanted := make(map[string]bool, len(state.Objects))
	writes := 0
	for _, o := range state.Objects {
		u, err := desired.Clean(o)
		if err != nil {
			return err
		}
		wanted[key(u)] = true
		if u.GroupVersionKind() == kindKnativeService.GroupVersionKind {
			free, err := r.cleared(ctx, u)
			if err != nil {
				return err
			}
			if !free {
				r.failed(&conflictError{kind: u.GetKind(), name: u.GetName()})
				continue
			}
		}
		var complete func(live *unstructured.Unstructured)
		if isTokens(u, r.plan) {
			complete = func(live *unstructured.Unstructured) { fillTokens(r.plan, u, live) }
		}
		now, wrote, err := a.apply(ctx, u, complete)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if wrote {
			writes++
		}
		if err == nil {
			r.applied[key(u)] = now
			delete(r.retiring, now.GetUID())
		}
		r.failed(err)
	}
	// What is to go goes only once all that takes its place is there. A name that
	// someone else has is no reason to wait: it may be something of the object
	// that is to go, such as the Service that Knative makes beside its own. A
	// project of which a kind is missing is one: what needs that kind is not
	// wanted, and yet it runs, and is wanted once the kind is there again.
	if len(r.failures) == 0 && !halfThere {
		halted := r.halted()
		r.failed(a.prune(ctx, r.have, wanted, func(o *unstructured.Unstructured) (bool, error) {
			if halted[o.GetLabels()[desired.LabelFunction]] {
				return false, nil
			}
			return r.retired(ctx, o, wanted)
		}))
	}
	if writes > 0 {
		r.log.Info("applied", "mesh", r.mesh.Namespace+"/"+r.mesh.Name, "objects", len(state.Objects), "writes", writes)
	}
	return nil
}

// replaced tells of an object that was deleted and made anew.
func (r *run) replaced(kind, name, why string) {
	r.log.Warn("replaced", "mesh", r.mesh.Namespace+"/"+r.mesh.Name, "kind", kind, "name", name, "why", why)
	r.recorder.Eventf(r.mesh, nil, corev1.EventTypeWarning, "Replaced", "Reconcile", "%s %s could not be changed in place, and was made anew: %s", kind, name, why)
}

// failed sorts an error of an object: others are applied all the same.
func (r *run) failed(err error) {
	var conflict *conflictError
	switch {
	case err == nil:
	case errors.As(err, &conflict):
		r.conflicts = append(r.conflicts, conflict)
	default:
		r.failures = append(r.failures, err)
	}
}

// find looks for what decides about a mesh: components that stand beside it,
// and a ScaledObject of someone else on its dispatchers.
func (r *run) find(ctx context.Context) (desired.Found, []v1beta1.Component, error) {
	found := desired.Found{
		Owner: &metav1.OwnerReference{
			APIVersion: v1beta1.GroupVersion.String(), Kind: v1beta1.Kind, Name: r.mesh.Name, UID: r.mesh.UID,
			Controller: ptr(true), BlockOwnerDeletion: ptr(true),
		},
		Components: make(map[string]bool),
	}
	beside, err := r.components(ctx, found.Components)
	if err != nil {
		return found, nil, err
	}
	if found.Fronts, err = r.fronts(ctx); err != nil {
		return found, nil, err
	}
	found.ForeignScaler, err = r.foreignScaler(ctx)
	return found, beside, err
}

// foreignScaler names a ScaledObject of someone else that targets the mesh's
// dispatchers.
func (r *run) foreignScaler(ctx context.Context) (string, error) {
	if !has(r.have, kindScaledObject) {
		return "", nil
	}
	list := kindScaledObject.list()
	if err := r.client.List(ctx, list, client.InNamespace(r.mesh.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return "", fmt.Errorf("list ScaledObjects: %w", err)
	}
	for i := range list.Items {
		o := &list.Items[i]
		target, _, _ := unstructured.NestedString(o.Object, "spec", "scaleTargetRef", "name")
		kind, _, _ := unstructured.NestedString(o.Object, "spec", "scaleTargetRef", "kind")
		if target == r.mesh.Name && (kind == "" || kind == "Deployment") && !metav1.IsControlledBy(o, r.mesh) {
			return o.GetName(), nil
		}
	}
	return "", nil
}
