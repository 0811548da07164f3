package desired

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// labelNamespace is what Kubernetes gives each namespace.
const labelNamespace = "kubernetes.io/metadata.name"

// knativeNamespace holds the activator, which calls functions, and the
// autoscaler, which asks how much they have to do.
const knativeNamespace = "knative-serving"

// knownIngress are the namespaces of the ingresses that Knative's documentation
// names: once a function has replicas enough they call them without the
// activator between.
var knownIngress = []string{"contour-external", "contour-internal", "envoy-gateway-system", "istio-system", "kourier-system"}

// daprInternal is where a sidecar takes calls of other sidecars.
const daprInternal int32 = 50002

// policy desires what may reach pods. Kubernetes lets a kubelet's probes pass.
func (b *builder) policy(name, role string, f *mesh.Function, ingress ...networkingv1.NetworkPolicyIngressRule) {
	p := &networkingv1.NetworkPolicy{TypeMeta: typeMeta("networking.k8s.io/v1", "NetworkPolicy"), ObjectMeta: b.meta(name, role, f)}
	p.Spec = networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: b.labels(role, f)},
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}, Ingress: ingress,
	}
	b.add(p)
}

// functionPolicy admits Knative, its ingress, and the mesh's front and
// dispatchers.
func (b *builder) functionPolicy(f *mesh.Function) {
	rules := []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{b.pods(RoleFront, RoleDispatcher)}}}
	if f.Spec.Scaler == v1beta1.ScalerKEDA {
		rules = append(rules, b.metricsRule())
	} else {
		ingress := b.settings.Ingress
		if len(ingress) == 0 {
			ingress = knownIngress
		}
		knative := networkingv1.NetworkPolicyPeer{
			NamespaceSelector: namespaces(knativeNamespace),
			PodSelector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{"activator", "autoscaler", "autoscaler-hpa"}},
			}},
		}
		rules = append(rules, networkingv1.NetworkPolicyIngressRule{
			From: []networkingv1.NetworkPolicyPeer{knative, {NamespaceSelector: namespaces(ingress...)}},
		})
	}
	if b.sidecar(f) {
		rules = append(rules, networkingv1.NetworkPolicyIngressRule{
			From: []networkingv1.NetworkPolicyPeer{b.pods(RoleFunction, RoleFront)}, Ports: ports(daprInternal),
		})
	}
	b.policy(f.Service, RoleFunction, f, rules...)
}

// frontPolicy admits everybody to the gateway, the mesh's functions to the sink,
// and KEDA where it is told of events.
func (b *builder) frontPolicy() {
	b.policy(FrontName(b.plan.Name), RoleFront, nil, append(b.scalerRules(),
		networkingv1.NetworkPolicyIngressRule{Ports: ports(portHTTP)},
		networkingv1.NetworkPolicyIngressRule{From: []networkingv1.NetworkPolicyPeer{b.pods(RoleFunction)}, Ports: ports(portSink)},
		b.metricsRule())...)
}

func (b *builder) dispatcherPolicy() {
	b.policy(b.dispatcherName(), RoleDispatcher, nil, b.metricsRule())
}

// metricsRule admits the controller, which gathers the metrics of all.
func (b *builder) metricsRule() networkingv1.NetworkPolicyIngressRule {
	return networkingv1.NetworkPolicyIngressRule{
		From: []networkingv1.NetworkPolicyPeer{{NamespaceSelector: namespaces(b.settings.Namespace)}}, Ports: ports(portMetrics),
	}
}

// pods of the mesh with one of the roles.
func (b *builder) pods(roles ...string) networkingv1.NetworkPolicyPeer {
	return networkingv1.NetworkPolicyPeer{PodSelector: &metav1.LabelSelector{
		MatchLabels: map[string]string{LabelMesh: b.plan.Name},
		MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: LabelRole, Operator: metav1.LabelSelectorOpIn, Values: roles},
		},
	}}
}

func namespaces(names ...string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: labelNamespace, Operator: metav1.LabelSelectorOpIn, Values: names},
	}}
}

func ports(numbers ...int32) []networkingv1.NetworkPolicyPort {
	var out []networkingv1.NetworkPolicyPort
	for _, n := range numbers {
		out = append(out, networkingv1.NetworkPolicyPort{Protocol: ptr(corev1.ProtocolTCP), Port: ptr(intstr.FromInt32(n))})
	}
	return out
}
