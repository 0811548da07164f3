package controller

import (
	"context"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/controller/desired"
)

// kind of object that a mesh may consist of.
type kind struct {
	schema.GroupVersionKind
	// crd defines it; "" for Kubernetes' own.
	crd string
	// others' objects of the kind count too: not only labelled ones are watched.
	others bool
}

func core(k string) kind {
	return kind{GroupVersionKind: schema.GroupVersionKind{Version: "v1", Kind: k}}
}

func of(group, version, k string) kind {
	return kind{GroupVersionKind: schema.GroupVersionKind{Group: group, Version: version, Kind: k}}
}

func (k kind) by(crd string) kind { k.crd = crd; return k }

var (
	kindKnativeService = of("serving.knative.dev", "v1", "Service").by("services.serving.knative.dev")
	kindScaledObject   = kind{schema.GroupVersionKind{Group: "keda.sh", Version: "v1alpha1", Kind: "ScaledObject"}, "scaledobjects.keda.sh", true}
	kindComponent      = kind{schema.GroupVersionKind{Group: "dapr.io", Version: "v1alpha1", Kind: "Component"}, "components.dapr.io", true}
	kindDeployment     = of("apps", "v1", "Deployment")
)

// kinds of all objects that package desired makes.
var kinds = []kind{
	core("ServiceAccount"), core("Secret"), core("ConfigMap"), core("Service"),
	of("rbac.authorization.k8s.io", "v1", "Role"), of("rbac.authorization.k8s.io", "v1", "RoleBinding"),
	of("networking.k8s.io", "v1", "NetworkPolicy"),
	kindDeployment,
	kindKnativeService,
	of("serving.knative.dev", "v1", "Configuration").by("configurations.serving.knative.dev"),
	of("serving.knative.dev", "v1", "Route").by("routes.serving.knative.dev"),
	kindScaledObject,
	of("keda.sh", "v1alpha1", "TriggerAuthentication").by("triggerauthentications.keda.sh"),
	kindComponent,
	of("dapr.io", "v2alpha1", "Subscription").by("subscriptions.dapr.io"),
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

// installed knows which custom resource definitions there are, and watches the
// kinds of those that appear.
type installed struct {
	mu      sync.Mutex
	watched map[schema.GroupVersionKind]bool
	// watch begins to watch a kind.
	watch func(kind) error
}

// crds reads which definitions are established, by name.
func crds(ctx context.Context, c client.Reader) (map[string]bool, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinitionList"})
	if err := c.List(ctx, list); err != nil {
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

// known returns the kinds that the cluster has, all of them watched.
func (in *installed) known(ctx context.Context, c client.Reader) ([]kind, error) {
	names, err := crds(ctx, c)
	if err != nil {
		return nil, err
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	var have []kind
	for _, k := range kinds {
		if k.crd != "" && !names[k.crd] {
			continue
		}
		if !in.watched[k.GroupVersionKind] {
			if err := in.watch(k); err != nil {
				return nil, err
			}
			in.watched[k.GroupVersionKind] = true
		}
		have = append(have, k)
	}
	return have, nil
}

// summary is what package desired wants to know.
func summary(have []kind) desired.Installed {
	has := func(want kind) bool {
		return slices.ContainsFunc(have, func(k kind) bool { return k.GroupVersionKind == want.GroupVersionKind })
	}
	return desired.Installed{Knative: has(kindKnativeService), KEDA: has(kindScaledObject), Dapr: has(kindComponent)}
}
