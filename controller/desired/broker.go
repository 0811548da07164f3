package desired

import (
	"maps"
	"slices"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/scalers"
)

// consumer is the name of the durable consumer of each queue's stream
// (bindings/jetstream).
const consumer = "dispatcher"

// broker finds the component that carries the links, and beside one that is not
// JetStream the cluster's default, which is: it keeps what the other does not,
// since nothing is kept in a pod (internal/dataplane).
func (b *builder) broker() {
	if b.plan.Broker == "" {
		b.carrier = b.defaultBroker()
		if b.carrier.Name == "" {
			b.note(Note{Path: "spec.broker", Type: TypeBrokerHonoured, Reason: "NoBroker", Blocking: true,
				Message: "the mesh names no broker, and the cluster has no default one; add a pubsub.jetstream component, and name it in spec.broker"})
		}
		return
	}
	b.carrier = b.plan.Components[b.plan.Broker]
	if mesh.IsJetStream(b.carrier.Type) {
		return
	}
	said := "links travel by " + b.carrier.Name + ", a " + b.carrier.Type
	if why := mesh.Uncarried(b.carrier.Type); why != "" {
		b.note(Note{Path: "spec.broker", Type: TypeBrokerHonoured, Reason: "CannotCarry", Blocking: true,
			Message: said + ": " + why + "; name a pubsub.jetstream component, or one of another type"})
		return
	}
	if b.keeper = b.defaultBroker(); b.keeper.Name == "" || !mesh.IsJetStream(b.keeper.Type) {
		b.keeper = v1beta1.Component{}
		b.note(Note{Path: "spec.broker", Type: TypeBrokerHonoured, Reason: "NoKeeper", Blocking: true,
			Message: said + ", which keeps no attempts, pauses and dead letters: the cluster's default broker does, and there is none of type pubsub.jetstream; " +
				"give the controller one, or name a pubsub.jetstream component in spec.broker"})
		return
	}
	b.note(Note{Path: "spec.broker", Type: TypeBrokerHonoured, Reason: "NotJetStream",
		Message: said + ", and are kept by JetStream once a dispatcher has taken them. Until then " + carried(b.carrier.Type) +
			"; a sender is not refused when the queue is full. A pubsub.jetstream component has none of these limits"})
}

// defaultBroker is the cluster's, by a name that no component of the mesh has;
// without a name if there is none.
func (b *builder) defaultBroker() v1beta1.Component {
	c := *b.settings.Broker.DeepCopy()
	c.SetDefaults()
	for c.Name != "" {
		if _, taken := b.plan.Components[c.Name]; !taken {
			break
		}
		c.Name += "-default"
	}
	return c
}

// carried says what becomes of an event while it is with a component of that
// type (docs/brokers.md).
func carried(componentType string) string {
	switch strings.ToLower(componentType) {
	case "pubsub.redis":
		return "they are as durable as Redis makes them (appendonly yes), and its streams grow: maxLenApprox and streamTTL bound them, and delete what nobody took"
	case "pubsub.rabbitmq":
		return "they are on RabbitMQ's disk; maxLen and maxLenBytes delete what nobody took"
	case "pubsub.kafka":
		return "they are as durable as min.insync.replicas says, retention deletes them taken or not, and a topic's partitions bound how many dispatchers take its events"
	}
	return "they are as durable as the component's settings say"
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
	own := b.ownComponents()
	for _, name := range slices.Sorted(maps.Keys(own)) {
		b.otherStore(own[name])
	}
	for _, c := range b.sortedComponents() {
		whom := "who may read the mesh"
		if b.foreign(c.Name) && !b.inline(c.Name) {
			if _, opens := own[c.Name]; !opens {
				continue // it is in front of its own author
			}
			whom = "who may read the ConfigMap " + MeshConfigName(b.plan.Name) + ", which it is copied to"
		}
		for _, m := range c.Metadata {
			if m.Value != "" && secretive(m) {
				b.note(Note{Path: b.componentPath(c.Name), Type: TypeSecretsReferenced, Reason: "WrittenOut",
					Message: "component " + c.Name + ": " + m.Name + " is written out, for everybody " + whom + "; put it into a Secret, and refer to it by secretKeyRef"})
			}
		}
	}
}

// otherStore notes that front and dispatchers, which have no sidecar for that,
// read the cluster's Secrets and no other store.
func (b *builder) otherStore(c v1beta1.Component) {
	refers := slices.ContainsFunc(c.Metadata, func(m v1beta1.ComponentMetadata) bool { return m.SecretKeyRef != nil })
	if refers && c.SecretStore != "" && c.SecretStore != "kubernetes" {
		b.note(Note{Path: b.componentPath(c.Name), Type: TypeComponentsReady, Reason: "OtherSecretStore",
			Message: "component " + c.Name + ": front and dispatchers read its secrets from Secrets of the mesh's namespace, and not from the store " + c.SecretStore +
				"; have them there by the same names and keys (the External Secrets Operator can bring them), and leave secretStore out"})
	}
}

// secretive says whether a setting is a secret by its name, or an address that
// holds a password. One of NATS that holds a user alone holds a token.
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
	alone := name == "natsurl" && user != ""
	return isURL && hasUser && (alone || hasPassword && password != "") && !strings.Contains(user, "/")
}
