package desired

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weftmesh/weft/internal/kinds"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/scalers"
)

const (
	// portScaler is where a front answers KEDA.
	portScaler int32 = 8082
	// pushedInterval in seconds is how often KEDA polls where a front tells it of
	// events: to see that nothing is left to do, and in case it was not told.
	pushedInterval = 10
)

// labelApp and kedaOperator tell KEDA's operator among pods: its manifests, its
// chart and the add-ons of clouds give it this label, in namespaces of all names.
const labelApp, kedaOperator = "app", "keda-operator"

// pushes says whether fronts tell KEDA of events. They learn of all of them where
// the broker is JetStream, whoever sends them; elsewhere KEDA polls the broker.
func (b *builder) pushes() bool {
	return b.settings.Has.KEDA && !b.settings.Polls && mesh.IsJetStream(b.carrier.Type)
}

// scalerService is where KEDA finds the fronts, also those that wait for their
// broker: it does not make an HPA of a ScaledObject whose scaler does not answer,
// and tries again only after as long as it has tried by then.
func (b *builder) scalerService() {
	if !b.tells() {
		return
	}
	s := &corev1.Service{TypeMeta: typeMeta("v1", "Service"), ObjectMeta: b.meta(ScalerName(b.plan.Name), RoleFront, nil)}
	s.Spec = corev1.ServiceSpec{
		Selector: b.labels(RoleFront, nil), PublishNotReadyAddresses: true,
		Ports: []corev1.ServicePort{servicePort("scaler", portScaler, portScaler)},
	}
	b.add(s)
}

// tells says whether fronts serve KEDA: also where it polls another broker, of
// what is kept beside that.
func (b *builder) tells() bool {
	return b.pushes() || b.settings.Has.KEDA && !b.settings.Polls && b.keeper.Name != ""
}

// pushTrigger has the front tell of these functions' queues. KEDA keeps a
// connection for each address, and does not notice for a quarter of an hour that
// its other end vanished with a node. So the address is spelt otherwise when the
// fronts are others: gRPC does not read a query.
func (b *builder) pushTrigger(activation int, watched ...scalers.Watched) kinds.Trigger {
	address := fmt.Sprintf("%s.%s.svc:%d", ScalerName(b.plan.Name), b.plan.Namespace, portScaler)
	if b.found.Fronts != "" {
		address = "dns:///" + address + "?fronts=" + b.found.Fronts
	}
	t := scalers.Push(address, scalers.Pushed{Queues: watched, Activation: activation})
	t.Name = "queue"
	return t
}

// interval between KEDA's polls for these triggers: what is not told of is found
// by them alone.
func (b *builder) interval(triggers []kinds.Trigger) int32 {
	if b.pushes() && !slices.ContainsFunc(triggers, func(t kinds.Trigger) bool { return polled[t.Type] }) {
		return pushedInterval
	}
	return pollingInterval
}

// polled are triggers that wake and do not tell by themselves.
var polled = map[string]bool{"cron": true, "prometheus": true}

// scalerRules admits KEDA's operator where a front tells it of events.
func (b *builder) scalerRules() []networkingv1.NetworkPolicyIngressRule {
	if !b.tells() {
		return nil
	}
	return []networkingv1.NetworkPolicyIngressRule{{
		From: []networkingv1.NetworkPolicyPeer{{
			NamespaceSelector: &metav1.LabelSelector{},
			PodSelector:       &metav1.LabelSelector{MatchLabels: map[string]string{labelApp: kedaOperator}},
		}},
		Ports: ports(portScaler),
	}}
}

func watched(f *mesh.Function, target int) scalers.Watched {
	return scalers.Watched{Queue: f.KubeName, Target: max(target, 1)}
}
