package desired

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/weftmesh/weft/mesh"
)

func (b *builder) add(objects ...runtime.Object) {
	b.state.Objects = append(b.state.Objects, objects...)
}

// order of kinds: what others refer to comes first, so that a pod finds its
// ServiceAccount, a sidecar its components and a ScaledObject its target.
var order = []string{
	"ServiceAccount", "Secret", "ConfigMap", "NetworkPolicy", "Component", "Resiliency", "TriggerAuthentication",
	"Service", "Configuration", "Deployment", "ScaledObject", "Subscription",
}

// sort puts objects into an order in which they can be applied; those of a kind
// stay as they are.
func (b *builder) sort() {
	rank := func(o runtime.Object) int { return slices.Index(order, o.GetObjectKind().GroupVersionKind().Kind) }
	slices.SortStableFunc(b.state.Objects, func(x, y runtime.Object) int { return rank(x) - rank(y) })
}

// serviceAccount desires an account with no rights of its own.
func (b *builder) serviceAccount(name, role string, f *mesh.Function) {
	b.add(&corev1.ServiceAccount{
		TypeMeta: typeMeta("v1", "ServiceAccount"), ObjectMeta: b.meta(name, role, f), AutomountServiceAccountToken: ptr(false),
	})
}
