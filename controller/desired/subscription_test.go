package desired_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/controller/desired"
)

// TestUnserved has triggers that nothing on a cluster calls by: each is told,
// with what to use instead.
func TestUnserved(t *testing.T) {
	for name, c := range map[string]struct{ reason, trigger, says string }{
		"HTTP":     {reason: "served", trigger: "{type: http}"},
		"Topic":    {reason: "served", trigger: "{type: pubsub, component: bus, topic: a}"},
		"Binding":  {reason: "served", trigger: "{type: binding, component: clock}"},
		"Cron":     {reason: "a binding ticks as well", trigger: "{type: cron, schedule: '@hourly'}", says: "bindings.cron"},
		"Postgres": {reason: "a topic can carry changes", trigger: "{type: postgres, connection: bus, tables: [public.a]}", says: "type pubsub"},
		"File":     {reason: "pods share no directory", trigger: "{type: file, path: in}", says: "the store that holds the files"},
		"Queue":    {reason: "a link is a queue as well", trigger: "{type: queue}", says: "a link"},
		"RPC":      {reason: "HTTP answers as well", trigger: "{type: rpc}", says: "type http"},
	} {
		t.Run(name, func(t *testing.T) {
			st := state(t, compile(t, "functions:\n  - {name: a, image: example.com/app, triggers: [{type: http, path: /x}, "+c.trigger+"]}\n"+
				"components:\n  - {name: bus, type: pubsub.redis}\n  - {name: clock, type: bindings.cron}"), settings(), desired.Found{})
			var said []string
			for _, n := range st.Notes {
				if n.Reason == "NotServed" {
					said = append(said, n.Message)
					if n.Function != "a" || n.Path != "spec.functions[0].triggers[1]" || n.Type != desired.TypeTriggersHonoured || n.Blocking {
						t.Errorf("%+v", n)
					}
				}
			}
			if c.says == "" && said != nil || c.says != "" && (len(said) != 1 || !strings.Contains(said[0], c.says)) {
				t.Errorf("%s: %q", c.reason, said)
			}
		})
	}
}

// TestNeverCalled: a function that a cluster calls in no way is not ready, and one
// that it calls in some way is.
func TestNeverCalled(t *testing.T) {
	const head = "components:\n  - {name: bus, type: pubsub.redis, scopes: [nobody]}\n  - {name: orders, type: state.redis}\nfunctions:\n"
	for name, c := range map[string]struct {
		reason, functions string
		want              []string
	}{
		"Cron": {"nothing ticks", "  - {name: a, image: example.com/app, state: [], triggers: [{type: cron, schedule: '@hourly'}]}", []string{"!a TriggersHonoured"}},
		"Linked": {"the link calls it", `  - {name: a, image: example.com/app, state: [], triggers: [{type: cron, schedule: '@hourly'}]}
  - {name: b, image: example.com/app, state: [], triggers: [{type: http}]}
connections: [{from: b, to: a}]`, []string{"a TriggersHonoured"}},
		"Topic":  {"the topic calls it", "  - {name: a, image: example.com/app, state: [], triggers: [{type: rpc}, {type: pubsub, component: bus, topic: t}]}", []string{"a TriggersHonoured"}},
		"Direct": {"nobody asks for a way in", "  - {name: a, image: example.com/app, state: [orders]}", nil},
		"Calls": {"only code would call it, and that does not get there", `  - {name: a, image: example.com/app, state: []}
  - {name: b, image: example.com/app, state: [], triggers: [{type: http}], calls: [shop.a, pricing.quote]}`, []string{"!a CallsHonoured", "b CallsHonoured", "b CallsHonoured"}},
		"CallsBeside": {"it is called otherwise too", `  - {name: a, image: example.com/app, state: [], triggers: [{type: http, path: /a}]}
  - {name: b, image: example.com/app, state: [], triggers: [{type: http}], calls: [shop.a]}`, []string{"b CallsHonoured"}},
		"Sidecars": {"by two sidecars calls get there", `  - {name: a, image: example.com/app, state: [orders], triggers: [{type: rpc}], scaling: {minReplicas: 1}}
  - {name: b, image: example.com/app, state: [orders], triggers: [{type: http}], calls: [shop.a]}`, []string{"a TriggersHonoured"}},
		"SidecarsAtZero": {"who is away gets none", `  - {name: a, image: example.com/app, state: [orders], scaling: {minReplicas: 0}}
  - {name: b, image: example.com/app, state: [orders], triggers: [{type: http}], calls: [shop.a]}`, []string{"b CallsHonoured"}},
	} {
		t.Run(name, func(t *testing.T) {
			st := state(t, compile(t, head+c.functions), settings(), desired.Found{})
			var got []string
			for _, n := range st.Notes {
				if n.Type != desired.TypeTriggersHonoured && n.Type != desired.TypeCallsHonoured {
					continue
				}
				text := n.Function + " " + n.Type
				if n.Blocking {
					text = "!" + text
				}
				got = append(got, text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", c.reason, diff)
			}
		})
	}
}

// TestSubscriptions: of several subscriptions of one app to one topic Dapr keeps
// one, so there is one, and it names no function.
func TestSubscriptions(t *testing.T) {
	st := state(t, compile(t, `functions:
  - {name: a, image: example.com/app, triggers: [{type: pubsub, component: bus, topic: t}, {type: pubsub, topic: t}]}
  - {name: b, image: example.com/app, triggers: [{type: pubsub, component: bus, topic: t}, {type: pubsub, component: bus, topic: "t/#"}]}
broker: links
components:
  - {name: bus, type: pubsub.redis}
  - {name: links, type: pubsub.jetstream, metadata: [{name: natsURL, value: "nats://n"}]}`), settings(), desired.Found{})
	var got []string
	for _, o := range st.Objects {
		if kindOf(o) != "Subscription" {
			continue
		}
		clean, err := desired.Clean(o)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.Join([]string{at(clean.Object, "spec", "pubsubname").(string), at(clean.Object, "spec", "topic").(string), at(clean.Object, "spec", "routes", "default").(string)}, " "))
		if diff := cmp.Diff([]any{"shop-front"}, at(clean.Object, "scopes")); diff != "" || at(clean.Object, "spec", "deadLetterTopic") != nil {
			t.Errorf("it is the front's, and has no dead-letter topic: %v", clean.Object)
		}
	}
	want := map[string]bool{"bus t /topics/bus/t": true, "links t /topics/links/t": true, "bus t/# /topics/bus/-dd247d7ea3d2f1df": true}
	for _, s := range got {
		if !want[s] {
			t.Errorf("unexpected: %s", s)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d subscriptions: %q", len(got), got)
	}
	// What is refused comes again, whatever the component would do with it.
	r := find(t, st, "Resiliency", "shop-front")
	for _, name := range []string{"bus", "links"} {
		policy, _ := at(r, "spec", "targets", "components", name, "inbound", "retry").(string)
		if at(r, "spec", "policies", "retries", policy, "maxRetries") != int64(-1) {
			t.Errorf("%s: %v", name, r)
		}
	}
	if diff := cmp.Diff([]any{"shop-front"}, at(r, "scopes")); diff != "" {
		t.Errorf("no other app is concerned: %s", diff)
	}
}

// TestTopicLimits has components that forget messages, unless they are told not
// to.
func TestTopicLimits(t *testing.T) {
	const limited = "TriggersHonoured/TopicLimits"
	for name, c := range map[string]struct {
		reason, component string
		notes             []string
	}{
		"Redis":          {reason: "its streams stay", component: "type: pubsub.redis"},
		"Kafka":          {reason: "so do topics", component: "type: pubsub.kafka"},
		"InMemory":       {reason: "each sidecar has its own", component: "type: pubsub.in-memory", notes: []string{limited}},
		"JetStream":      {reason: "its consumers are none that stay", component: "type: pubsub.jetstream", notes: []string{limited}},
		"JetStreamNamed": {reason: "but with names", component: "type: pubsub.jetstream, metadata: [{name: durableName, value: a}, {name: queueGroupName, value: a}]"},
		"Rabbit":         {reason: "its queue goes with its last reader", component: "type: pubsub.rabbitmq, metadata: [{name: durable, value: 'true'}]", notes: []string{limited}},
		"RabbitDurable":  {reason: "but if it is told", component: "type: pubsub.rabbitmq, metadata: [{name: durable, value: 'true'}, {name: deletedwhenunused, value: 'false'}]"},
		"MQTT":           {reason: "client ids are one's own", component: "type: pubsub.mqtt3", notes: []string{limited}},
	} {
		t.Run(name, func(t *testing.T) {
			st := state(t, compile(t, "functions:\n  - {name: a, image: example.com/app, state: [], triggers: [{type: pubsub, component: bus, topic: t}]}\ncomponents:\n  - {name: bus, "+c.component+"}"), settings(), desired.Found{})
			if diff := cmp.Diff(c.notes, notes(st)); diff != "" {
				t.Errorf("%s, -want +got:\n%s", c.reason, diff)
			}
		})
	}
}
