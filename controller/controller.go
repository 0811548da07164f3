package controller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/controller/scheme"
)

const (
	// retryFirst and retryLast are the first and the longest pause after a
	// failure; pauses double in between.
	retryFirst = 200 * time.Millisecond
	retryLast  = time.Minute
)

// Options of New.
type Options struct {
	// Settings of the installation; Has is found out.
	Settings desired.Settings
	// Metrics and Health are addresses; Health "0" serves none.
	Metrics, Health string
	// LeaderElection lets one of several replicas do the work.
	LeaderElection bool
	// Concurrent is how many meshes are reconciled at once; 4 if zero.
	Concurrent int
	// Logger; slog.Default() if nil.
	Logger *slog.Logger

	// conflicts is retryConflicts if zero.
	conflicts time.Duration
	// retire is retireAfter if zero.
	retire time.Duration
	// clear is clearAfter if zero.
	clear time.Duration
	// fresh is knativeFresh if zero.
	fresh time.Duration
}

// New returns a manager whose Start does the controller's work until its
// context ends.
func New(cfg *rest.Config, o Options) (manager.Manager, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Concurrent <= 0 {
		o.Concurrent = 4
	}
	if o.conflicts == 0 {
		o.conflicts = retryConflicts
	}
	if o.retire == 0 {
		o.retire = retireAfter
	}
	if o.clear == 0 {
		o.clear = clearAfter
	}
	if o.fresh == 0 {
		o.fresh = knativeFresh
	}
	labelled, err := labels.NewRequirement(desired.LabelMesh, selection.Exists, nil)
	if err != nil {
		return nil, err
	}
	ours := labels.NewSelector().Add(*labelled)
	byObject := make(map[client.Object]cache.ByObject, len(kinds)+2)
	for _, k := range kinds {
		if k.others {
			byObject[k.object()] = cache.ByObject{Transform: slim}
		} else {
			byObject[k.object()] = cache.ByObject{Label: ours, Transform: pack}
		}
	}
	byObject[kindRevision.object()] = cache.ByObject{Label: ours, Transform: statusAlone}
	byObject[&corev1.Pod{}] = cache.ByObject{Label: ours, Transform: slimPod}
	crd := &metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(kindCRD)
	byObject[crd] = cache.ByObject{Transform: nameAlone}
	log := logr.FromSlogHandler(o.Logger.Handler())
	mgr, err := ctrl.NewManager(cfg, manager.Options{
		Scheme:                        scheme.New(),
		Logger:                        log,
		Cache:                         cache.Options{ByObject: byObject, DefaultTransform: slim, ReaderFailOnMissingInformer: true},
		NewCache:                      newCache,
		Client:                        client.Options{Cache: &client.CacheOptions{Unstructured: true}},
		Metrics:                       metricsserver.Options{BindAddress: "0"}, // ours has more to tell
		HealthProbeBindAddress:        o.Health,
		LeaderElection:                o.LeaderElection,
		LeaderElectionID:              "weft-controller",
		LeaderElectionNamespace:       o.Settings.Namespace,
		LeaderElectionReleaseOnCancel: true,
		Controller:                    config.Controller{MaxConcurrentReconciles: o.Concurrent},
	})
	if err != nil {
		return nil, fmt.Errorf("manager: %w", err)
	}
	r := &Reconciler{
		client: mgr.GetClient(), direct: mgr.GetAPIReader(), recorder: mgr.GetEventRecorder("weft-controller"),
		installed: &installed{watched: make(map[schema.GroupVersionKind]bool), mapper: mgr.GetRESTMapper()},
		knative:   &knative{reader: mgr.GetAPIReader(), fresh: o.fresh},
		settings:  o.Settings, log: o.Logger, conflicts: o.conflicts, retire: o.retire, clear: o.clear,
	}
	c, err := controller.New("functionmesh", mgr, controller.Options{
		Reconciler:            r,
		RateLimiter:           workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](retryFirst, retryLast),
		ReconciliationTimeout: timeLimit,
		SkipNameValidation:    ptr(true), // it keeps a process to one manager
	})
	if err != nil {
		return nil, err
	}
	r.installed.watch = func(ctx context.Context, k kind) error {
		// At once: who reads a kind that nobody watches is refused.
		if _, err := mgr.GetCache().GetInformer(ctx, k.object(), cache.BlockUntilSynced(false)); err != nil {
			return err
		}
		requests := owner
		switch {
		case k.others:
			requests = r.concerned
		case k.readOnly:
			requests = labelledBy
		}
		return c.Watch(source.Kind(mgr.GetCache(), client.Object(k.object()), handler.EnqueueRequestsFromMapFunc(requests)))
	}
	r.installed.forget = func(ctx context.Context, k kind) error { return mgr.GetCache().RemoveInformer(ctx, k.object()) }
	// A replica that waits to lead watches pods too: it tells their metrics.
	_, err = mgr.GetCache().GetInformer(context.Background(), &corev1.Pod{}, cache.BlockUntilSynced(false))
	err = errors.Join(err,
		c.Watch(source.Kind(mgr.GetCache(), client.Object(&v1beta1.FunctionMesh{}), &handler.EnqueueRequestForObject{})),
		c.Watch(source.Kind(mgr.GetCache(), client.Object(&corev1.Pod{}), handler.EnqueueRequestsFromMapFunc(labelledBy), getsStuck)),
		c.Watch(source.Kind(mgr.GetCache(), client.Object(crd), handler.EnqueueRequestsFromMapFunc(r.kindAppeared))),
		mgr.Add(&metricsServer{address: o.Metrics, gatherer: newFederation(mgr.GetClient(), o.Logger), log: o.Logger}),
		mgr.AddHealthzCheck("ping", healthz.Ping),
		mgr.AddReadyzCheck("ping", healthz.Ping),
	)
	return mgr, err
}

// newCache makes a cache that may be told of kinds that the cluster does not
// have yet.
func newCache(cfg *rest.Config, o cache.Options) (cache.Cache, error) {
	o.Mapper = scopes{o.Mapper}
	return cache.New(cfg, o)
}

// labelledBy is the mesh whose label an object has.
func labelledBy(_ context.Context, o client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: o.GetLabels()[desired.LabelMesh]}}}
}

// owner is the mesh that controls an object.
func owner(_ context.Context, o client.Object) []reconcile.Request {
	ref := metav1.GetControllerOf(o)
	if ref == nil || ref.Kind != v1beta1.Kind || !strings.HasPrefix(ref.APIVersion, v1beta1.Group+"/") {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: ref.Name}}}
}

// concerned are the meshes that an object of a kind that others have too may
// matter to: its owner, or whose dispatchers it scales, or all of the namespace
// that may use it as a component.
func (r *Reconciler) concerned(ctx context.Context, o client.Object) []reconcile.Request {
	if mine := owner(ctx, o); mine != nil {
		return mine
	}
	if u, ok := o.(*unstructured.Unstructured); ok && u.GetKind() == kindScaledObject.Kind {
		name, _, _ := unstructured.NestedString(u.Object, "spec", "scaleTargetRef", "name")
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: o.GetNamespace(), Name: name}}}
	}
	return r.meshes(ctx, client.InNamespace(o.GetNamespace()))
}

// kindAppeared are all meshes, when a kind that some of them want has come or
// gone.
func (r *Reconciler) kindAppeared(ctx context.Context, o client.Object) []reconcile.Request {
	for _, k := range kinds {
		if k.crd == o.GetName() {
			return r.meshes(ctx)
		}
	}
	return nil
}

func (r *Reconciler) meshes(ctx context.Context, opts ...client.ListOption) []reconcile.Request {
	list := &v1beta1.FunctionMeshList{}
	if err := r.client.List(ctx, list, append(opts, client.UnsafeDisableDeepCopy)...); err != nil {
		r.log.Error("list FunctionMeshes", "error", err.Error())
		return nil
	}
	var requests []reconcile.Request
	for i := range list.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
	}
	return requests
}
