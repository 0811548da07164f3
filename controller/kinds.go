package controller

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/controller/desired"
)

// kind of object that a mesh consists of, or brings about.
type kind struct {
	schema.GroupVersionKind
	// crd defines it; "" for Kubernetes' own.
	crd string
	// others' objects of the kind count too: not only labelled ones are watched.
	others bool
	// readOnly kinds are looked at for the status alone: others make them.
	readOnly bool
}

func core(k string) kind {
	return kind{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: k}}
}

func of(group, version, k string) kind {
	return kind{GroupVersionKind: schema.GroupVersionKind{Group: group, Version: version, Kind: k}}
}

func (k kind) by(crd string) kind { k.crd = crd; return k }

func (k kind) andOthers() kind { k.others = true; return k }

func (k kind) toRead() kind { k.readOnly = true; return k }

var (
	kindKnativeService = of("serving.knative.dev", "v1", "Service").by("services.serving.knative.dev")
	kindConfiguration  = of("serving.knative.dev", "v1", "Configuration").by("configurations.serving.knative.dev")
	kindRevision       = of("serving.knative.dev", "v1", "Revision").by("revisions.serving.knative.dev").toRead()
	kindScaledObject   = of("keda.sh", "v1alpha1", "ScaledObject").by("scaledobjects.keda.sh").andOthers()
	kindComponent      = of("dapr.io", "v1alpha1", "Component").by("components.dapr.io").andOthers()
	kindDeployment     = of("apps", "v1", "Deployment")
)

// kinds of all objects that package desired makes, and of those that it reads.
var kinds = []kind{
	core("ServiceAccount"), core("Secret"), core("ConfigMap"), core("Service"),
	of("networking.k8s.io", "v1", "NetworkPolicy"),
	kindDeployment,
	kindKnativeService,
	kindConfiguration,
	kindRevision,
	kindScaledObject,
	of("keda.sh", "v1alpha1", "TriggerAuthentication").by("triggerauthentications.keda.sh"),
	kindComponent,
	of("dapr.io", "v2alpha1", "Subscription").by("subscriptions.dapr.io"),
	of("dapr.io", "v1alpha1", "Resiliency").by("resiliencies.dapr.io"),
}

func (k kind) object() *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(k.GroupVersionKind)
	return u
}

func (k kind) list() *unstructured.UnstructuredList {
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(k.GroupVersion().WithKind(k.Kind + "List"))
	return l
}

// kindCRD is that of definitions, of which the names alone are of interest.
var kindCRD = schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}

// installed knows which custom resource definitions there are, and watches the
// kinds of those that appear.
type installed struct {
	mu      sync.Mutex
	watched map[schema.GroupVersionKind]bool
	// watch begins to watch a kind, and forget ends it.
	watch, forget func(context.Context, kind) error
	// mapper tells when the API server serves a kind, a moment after its
	// definition is there.
	mapper meta.RESTMapper
}

// crds reads which definitions there are, by name.
func crds(ctx context.Context, c client.Reader) (map[string]bool, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(kindCRD.GroupVersion().WithKind(kindCRD.Kind + "List"))
	if err := c.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	names := make(map[string]bool, len(list.Items))
	for _, item := range list.Items {
		if item.DeletionTimestamp.IsZero() {
			names[item.Name] = true
		}
	}
	return names, nil
}

// known returns the kinds that the cluster has, all of them watched. soon says
// that one more is about to be served.
func (in *installed) known(ctx context.Context, c client.Reader) (have []kind, soon bool, err error) {
	names, err := crds(ctx, c)
	if err != nil {
		return nil, false, fmt.Errorf("list CustomResourceDefinitions: %w", err)
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, k := range kinds {
		there, watched := k.crd == "" || names[k.crd], in.watched[k.GroupVersionKind]
		if there && !watched {
			_, err := in.mapper.RESTMapping(k.GroupKind(), k.Version)
			if meta.IsNoMatchError(err) {
				soon = true
				continue
			}
			if err == nil {
				err = in.watch(ctx, k)
			}
			if err != nil {
				return nil, false, fmt.Errorf("watch %s: %w", k.Kind, err)
			}
		}
		if !there && watched { // a watch of what is no more would find it late when it is back
			if err := in.forget(ctx, k); err != nil {
				return nil, false, fmt.Errorf("end watching %s: %w", k.Kind, err)
			}
		}
		in.watched[k.GroupVersionKind] = there
		if there {
			have = append(have, k)
		}
	}
	return have, soon, nil
}

// scopes is a mapper that knows of our kinds that they are namespaced even while
// the API server does not serve them: a cache asks that of all kinds at its
// start, and nothing else until one is watched.
type scopes struct{ meta.RESTMapper }

// RESTMapping implements meta.RESTMapper.
func (s scopes) RESTMapping(gk schema.GroupKind, versions ...string) (*meta.RESTMapping, error) {
	mapping, err := s.RESTMapper.RESTMapping(gk, versions...)
	if meta.IsNoMatchError(err) {
		for _, k := range kinds {
			if k.GroupKind() == gk {
				return &meta.RESTMapping{GroupVersionKind: k.GroupVersionKind, Scope: meta.RESTScopeNamespace}, nil
			}
		}
	}
	return mapping, err
}

// has says whether a kind is among those that the cluster has.
func has(have []kind, want kind) bool {
	return slices.ContainsFunc(have, func(k kind) bool { return k.GroupVersionKind == want.GroupVersionKind })
}

// summary is what package desired wants to know. All kinds of a project count,
// as each needs them all. halfThere says that a project has some of them: it is
// about to come or to go, or to be replaced by another version.
func summary(have []kind) (installed desired.Installed, halfThere bool) {
	all := func(group string) bool {
		there, missing := false, false
		for _, k := range kinds {
			if k.Group == group {
				there, missing = there || has(have, k), missing || !has(have, k)
			}
		}
		halfThere = halfThere || there && missing
		return !missing
	}
	installed = desired.Installed{Knative: all(kindKnativeService.Group), KEDA: all(kindScaledObject.Group), Dapr: all(kindComponent.Group)}
	return installed, halfThere
}
