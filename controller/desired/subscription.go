package desired

import (
	"fmt"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/kinds"
)

// TopicPath is where the front takes what a topic brings for a function, by its
// name in kebab-case: it puts it into the function's queue.
func TopicPath(function string) string { return "/topics/" + function }

// subscriptions desires one for each pubsub trigger. They are the front's: what
// it takes goes into the function's queue, so the one dispatcher counts attempts,
// and a function at zero wakes. There is never a deadLetterTopic: it would end
// the attempts early.
func (b *builder) subscriptions() {
	if !b.settings.Has.Dapr {
		return
	}
	for _, f := range b.plan.Functions {
		for i, t := range f.Triggers {
			if t.Type != v1beta1.TriggerPubSub {
				continue
			}
			component := t.Component
			if component == "" {
				component = b.plan.Broker
			}
			s := &kinds.Subscription{TypeMeta: typeMeta(kinds.DaprSubscriptionAPI, "Subscription")}
			s.ObjectMeta = b.meta(fmt.Sprintf("%s-%d", f.Service, i), "", f)
			s.Spec = kinds.SubscriptionSpec{
				Pubsubname: component, Topic: t.Topic, Routes: kinds.Routes{Default: TopicPath(f.KubeName)},
			}
			s.Scopes = []string{FrontName(b.plan.Name)}
			b.add(s)
		}
	}
}
