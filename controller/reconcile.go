package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/mesh"
)

// retryConflicts is how soon a name that someone else has is looked at again:
// objects without Weft's label are not watched.
const retryConflicts = 30 * time.Second

// knativeNamespace is where Knative Serving is installed.
const knativeNamespace = "knative-serving"

// Reconciler brings one mesh at a time to what it asks for.
type Reconciler struct {
	client    client.Client
	direct    client.Reader
	recorder  events.EventRecorder
	installed *installed
	settings  desired.Settings
	log       *slog.Logger
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	fm := &v1beta1.FunctionMesh{}
	if err := r.client.Get(ctx, req.NamespacedName, fm); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err) // gone: the garbage collector does the rest
	}
	if !fm.DeletionTimestamp.IsZero() {
		return ctrl.Result{}, nil
	}
	have, err := r.installed.known(ctx, r.client)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("which kinds there are: %w", err)
	}
	run := &run{Reconciler: r, mesh: fm, have: have}
	if fm.Annotations[desired.AnnotationPaused] == "true" {
		return ctrl.Result{}, run.report(ctx)
	}
	result, err := run.reconcile(ctx)
	return result, errors.Join(err, run.report(ctx))
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
	// conflicts and failures are objects that could not be applied.
	conflicts []*conflictError
	failures  []error
}

func (r *run) reconcile(ctx context.Context) (ctrl.Result, error) {
	found, beside, err := r.find(ctx)
	if err != nil {
		return ctrl.Result{}, err
	}
	r.plan, r.problems = mesh.Compile(r.mesh, beside...)
	if r.plan == nil {
		return ctrl.Result{}, nil // what runs goes on; the next change of the mesh brings us back
	}
	settings := r.settings
	settings.Has = summary(r.have)
	if settings.Has.Knative {
		settings.Has.HPA = r.hasAutoscalerHPA(ctx)
		settings.Has.ZeroInitialScale = r.beginsAtZero(ctx)
	}
	state := desired.Of(r.plan, settings, found)
	r.notes = state.Notes

	a := &applier{Client: r.client, direct: r.direct, owner: r.mesh.UID}
	wanted := make(map[string]bool, len(state.Objects))
	writes := 0
	for _, o := range state.Objects {
		u, err := desired.Clean(o)
		if err != nil {
			return ctrl.Result{}, err
		}
		wanted[key(u)] = true
		if isTokens(u, r.plan) {
			if err := r.fillTokens(ctx, r.plan, u); err != nil {
				return ctrl.Result{}, err
			}
		}
		wrote, err := a.apply(ctx, u)
		if wrote {
			writes++
		}
		r.failed(err)
	}
	// What is to go goes only once all that takes its place is there.
	if len(r.failures) == 0 && len(r.conflicts) == 0 {
		if err := a.prune(ctx, r.have, r.mesh.Namespace, r.mesh.Name, wanted); err != nil {
			return ctrl.Result{}, err
		}
	}
	if writes > 0 {
		r.log.Info("applied", "mesh", r.mesh.Namespace+"/"+r.mesh.Name, "objects", len(state.Objects), "writes", writes)
	}
	if len(r.conflicts) > 0 {
		return ctrl.Result{RequeueAfter: retryConflicts}, errors.Join(r.failures...)
	}
	return ctrl.Result{}, errors.Join(r.failures...)
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

// hasAutoscalerHPA says whether Knative's HPA class has someone to serve it.
func (r *run) hasAutoscalerHPA(ctx context.Context) bool {
	if !slices.ContainsFunc(r.mesh.Spec.Functions, func(f v1beta1.Function) bool { return cpuOrMemory(f.Scaling) }) && !cpuOrMemory(&r.mesh.Spec.Policies.Scaling) {
		return true // nobody asks
	}
	d := kindDeployment.object()
	err := r.direct.Get(ctx, client.ObjectKey{Namespace: knativeNamespace, Name: "autoscaler-hpa"}, d)
	return err == nil || !apierrors.IsNotFound(err)
}

// beginsAtZero says whether Knative lets a revision begin with no replica. It is
// asked of a mesh whenever that is looked at: the setting seldom changes.
func (r *run) beginsAtZero(ctx context.Context) bool {
	config := core("ConfigMap").object()
	if err := r.direct.Get(ctx, client.ObjectKey{Namespace: knativeNamespace, Name: "config-autoscaler"}, config); err != nil {
		return false // the default
	}
	value, _, _ := unstructured.NestedString(config.Object, "data", "allow-zero-initial-scale")
	return value == "true"
}

func cpuOrMemory(s *v1beta1.Scaling) bool {
	return s != nil && (s.TargetCPU != nil || s.TargetMemory != nil)
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
	found.ForeignScaler, err = r.foreignScaler(ctx)
	return found, beside, err
}

// foreignScaler names a ScaledObject of someone else that targets the mesh's
// dispatchers.
func (r *run) foreignScaler(ctx context.Context) (string, error) {
	if !summary(r.have).KEDA {
		return "", nil
	}
	list := kindScaledObject.list()
	if err := r.client.List(ctx, list, client.InNamespace(r.mesh.Namespace)); err != nil {
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
