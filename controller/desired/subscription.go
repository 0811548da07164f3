package desired

import (
	"slices"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/kinds"
	"github.com/weftmesh/weft/mesh"
)

// subscriptions desires one for each topic of the mesh's triggers. They are the
// front's: what it takes goes into the queues of the functions, so the one
// dispatcher counts attempts, and a function at zero wakes. There is never a
// deadLetterTopic: it would end the attempts early.
func (b *builder) subscriptions() {
	if !b.settings.Has.Dapr {
		return
	}
	b.resiliency()
	var have []string
	for _, f := range b.plan.Functions {
		for _, t := range f.Triggers {
			if t.Type != v1beta1.TriggerPubSub {
				continue
			}
			component := b.plan.TopicOf(t)
			path := mesh.TopicPath(component, t.Topic)
			if slices.Contains(have, path) {
				continue
			}
			have = append(have, path)
			s := &kinds.Subscription{TypeMeta: typeMeta(kinds.DaprSubscriptionAPI, "Subscription")}
			s.ObjectMeta = b.meta(shorten(FrontName(b.plan.Name)+"-"+shortHash(path), maxName), "", nil)
			s.Spec = kinds.SubscriptionSpec{Pubsubname: component, Topic: t.Topic, Routes: kinds.Routes{Default: path}}
			s.Scopes = []string{FrontName(b.plan.Name)}
			b.add(s)
		}
	}
}

// resiliency desires that the front's sidecar brings a message until it is
// taken. Without, it would say once that one was refused, or that the front was
// gone, and leave the rest to the component: some forget the message then (Redis
// acknowledges it, RabbitMQ drops it).
func (b *builder) resiliency() {
	uses := b.frontUses()
	if len(uses) == 0 {
		return
	}
	const policy = "until-taken"
	r := &kinds.Resiliency{TypeMeta: typeMeta(kinds.DaprAPI, "Resiliency"), ObjectMeta: b.meta(FrontName(b.plan.Name), "", nil)}
	r.Spec.Policies.Retries = map[string]kinds.RetryPolicy{policy: {Policy: "exponential", MaxInterval: "5s", MaxRetries: -1}}
	r.Spec.Targets.Components = make(map[string]kinds.ComponentPolicies)
	for _, name := range uses {
		r.Spec.Targets.Components[name] = kinds.ComponentPolicies{Inbound: kinds.PolicyNames{Retry: policy}}
	}
	r.Scopes = []string{FrontName(b.plan.Name)}
	b.add(r)
}

// topicLimit says what a component does to messages of topics while no front
// runs that its settings, or another component, could mend; "" for nothing.
func topicLimit(c v1beta1.Component) string {
	is := func(name, value string) bool {
		return slices.ContainsFunc(c.Metadata, func(m v1beta1.ComponentMetadata) bool {
			return strings.EqualFold(m.Name, name) && (strings.EqualFold(m.Value, value) || value == "" && (m.Value != "" || m.SecretKeyRef != nil || m.EnvRef != ""))
		})
	}
	switch strings.ToLower(c.Type) {
	case "pubsub.in-memory":
		return "it lives in one process, so nothing that functions publish reaches a trigger; use a component with a server"
	case "pubsub.jetstream":
		if !is("durableName", "") || !is("queueGroupName", "") {
			return "messages that come while no front is there are lost, and several fronts get each of them; set durableName and queueGroupName, to the same name, which no other component has"
		}
	case "pubsub.rabbitmq":
		if !is("durable", "true") || !is("deletedWhenUnused", "false") {
			return "its queue goes with the last front, and with the server; set durable to true and deletedWhenUnused to false"
		}
	case "pubsub.mqtt3", "pubsub.mqtt":
		return "each front has the sidecar's consumerID as its client id, so two fronts throw each other out, as they do while one replaces the other: messages then come late"
	}
	return ""
}
