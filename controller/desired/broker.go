package desired

import (
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/scalers"
)

// typeJetStream is the type of broker that is spoken to directly.
const typeJetStream = "pubsub.jetstream"

// consumer is the name of the durable consumer of each queue's stream
// (bindings/jetstream).
const consumer = "dispatcher"

// broker finds the component that carries the links.
func (b *builder) broker() {
	if b.plan.Broker == "" {
		b.carrier = *b.settings.Broker.DeepCopy()
		b.carrier.SetDefaults()
		// A component of the mesh may have the same name.
		for b.carrier.Name != "" {
			if _, taken := b.plan.Components[b.carrier.Name]; !taken {
				break
			}
			b.carrier.Name += "-default"
		}
		if b.carrier.Name == "" {
			b.note(Note{Path: "spec.broker", Type: TypeBrokerHonoured, Reason: "NoBroker", Blocking: true,
				Message: "the mesh names no broker, and the cluster has no default one; add a pubsub.jetstream component, and name it in spec.broker"})
		}
		return
	}
	b.carrier = b.plan.Components[b.plan.Broker]
	if !strings.EqualFold(b.carrier.Type, typeJetStream) {
		b.note(Note{Path: "spec.broker", Type: TypeBrokerHonoured, Reason: "NotJetStream",
			Message: "links travel by " + b.carrier.Name + ", a " + b.carrier.Type + ": what is accepted is as durable as its server makes it, " +
				"a repeated event is recognised only by the dispatcher that took the first, queues have no bound of Weft's, " +
				"and a dispatcher that is gone for good keeps what it had in hand; a pubsub.jetstream component has none of these limits"})
	}
}

// queue is what scales on the events that wait for f.
func (b *builder) queue(f *mesh.Function, target, activation int) scalers.Queue {
	name := b.plan.Namespace + "." + b.plan.Name + "." + f.KubeName
	return scalers.Queue{
		Stream: f.Stream, Consumer: consumer,
		// As bindings/daprbroker names topics and consumers.
		Topic: "weft." + name, Group: "weft_" + strings.ReplaceAll(name, ".", "_"),
		Target: max(1, target), Activation: activation,
	}
}

// secrets notes what should be in a Secret and is written out.
func (b *builder) secrets() {
	for _, c := range b.sortedComponents() {
		if b.foreign(c.Name) && !b.inline(c.Name) {
			continue // it is in front of its own author
		}
		for _, m := range c.Metadata {
			if m.Value != "" && secretive(m) {
				b.note(Note{Path: b.componentPath(c.Name), Type: TypeSecretsReferenced, Reason: "WrittenOut",
					Message: "component " + c.Name + ": " + m.Name + " is written out, for everybody who may read the mesh; put it into a Secret, and refer to it by secretKeyRef"})
			}
		}
	}
}

// secretive says whether a setting is a secret by its name, or an address that
// holds a password.
func secretive(m v1beta1.ComponentMetadata) bool {
	name := strings.ToLower(m.Name)
	for _, word := range []string{"password", "secret", "token", "apikey", "accesskey", "privatekey", "clientkey", "seedkey", "jwt"} {
		if strings.HasSuffix(name, word) {
			return true
		}
	}
	_, rest, isURL := strings.Cut(m.Value, "://")
	user, _, hasUser := strings.Cut(rest, "@")
	_, password, hasPassword := strings.Cut(user, ":")
	return isURL && hasUser && hasPassword && password != "" && !strings.Contains(user, "/")
}
