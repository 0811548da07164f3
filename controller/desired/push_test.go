package desired_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/controller/desired"
)

// TestOtherFronts has KEDA connect anew when fronts are others.
func TestOtherFronts(t *testing.T) {
	for fronts, want := range map[string]string{
		"":     "shop-front-scaler.default.svc:8082",
		"3f2a": "dns:///shop-front-scaler.default.svc:8082?fronts=3f2a",
	} {
		st := state(t, compile(t, `functions:
  - {name: order, image: example.com/app, triggers: [{type: http}], state: []}
  - {name: pack, image: example.com/app, scaler: keda, state: []}
connections: [{from: order, to: pack}]`), settings(), desired.Found{Fronts: fronts})
		if got := at(find(t, st, "ScaledObject", "shop-pack"), "spec", "triggers", 0, "metadata", "scalerAddress"); got != want {
			t.Errorf("for fronts %q KEDA is given %v, want %s", fronts, got, want)
		}
	}
}

// TestPush has fronts tell KEDA of events, and KEDA find out what they do not
// tell of.
func TestPush(t *testing.T) {
	type trigger struct {
		Type     string
		Metadata map[string]any
	}
	const front = "shop-front-scaler.default.svc:8082"
	pushed := func(queues, activation string) trigger {
		return trigger{"external-push", map[string]any{"scalerAddress": front, "queues": queues, "activation": activation}}
	}
	polled := func(stream, target, activation string) trigger {
		return trigger{"nats-jetstream", map[string]any{
			"account": "$G", "consumer": "dispatcher", "stream": "WEFT_default_shop_" + stream, "lagThreshold": target, "activationLagThreshold": activation,
			"natsServerMonitoringEndpoint": "nats.nats:8222",
		}}
	}
	const redis = "broker: bus\ncomponents: [{name: bus, type: pubsub.redis, metadata: [{name: redisHost, value: r}]}]"
	for name, c := range map[string]struct {
		reason, scaling, more   string
		change                  func(*desired.Settings)
		function, dispatchers   []trigger
		interval, dispatchEvery int64
		served                  bool
	}{
		"Pushed": {
			reason: "the front tells, so KEDA asks seldom", interval: 10, dispatchEvery: 10, served: true,
			function: []trigger{pushed("pack=70", "0")}, dispatchers: []trigger{pushed("check=100,ship=20", "1")},
		},
		"Polled": {
			reason: "KEDA reaches no front", change: func(s *desired.Settings) { s.Polls = true }, interval: 2, dispatchEvery: 2,
			function: []trigger{polled("pack", "70", "0")}, dispatchers: []trigger{polled("check", "100", "100"), polled("ship", "20", "20")},
		},
		"Beside": {
			reason: "what Prometheus knows the front does not tell", scaling: "prometheus: [{serverAddress: 'http://p', query: q, threshold: 1}]",
			interval: 2, dispatchEvery: 10, served: true,
			function:    []trigger{pushed("pack=70", "0"), {"prometheus", map[string]any{"serverAddress": "http://p", "query": "q", "threshold": "1"}}},
			dispatchers: []trigger{pushed("check=100,ship=20", "1")},
		},
		"Other":  {reason: "a front learns of all events from JetStream alone", more: redis, change: func(s *desired.Settings) { s.Broker.Name = "" }, interval: 2, dispatchEvery: 2},
		"NoKEDA": {reason: "nobody asks", change: func(s *desired.Settings) { s.Has.KEDA = false }},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings()
			if c.change != nil {
				c.change(&s)
			}
			st := state(t, compile(t, `functions:
  - {name: order, image: example.com/app, triggers: [{type: http}], state: []}
  - {name: pack, image: example.com/app, scaler: keda, state: [], scaling: {minReplicas: 0, `+c.scaling+`}}
  - {name: check, image: example.com/app, state: []}
  - {name: ship, image: example.com/app, state: [], scaling: {targetQueueLength: 20}}
connections: [{from: order, to: pack}, {from: order, to: check}, {from: order, to: ship}]
`+c.more), s, desired.Found{})
			for scaler, want := range map[string][]trigger{"shop-pack": c.function, "shop-dispatcher": c.dispatchers} {
				if want == nil {
					continue
				}
				var got []trigger
				all, _ := at(find(t, st, "ScaledObject", scaler), "spec", "triggers").([]any)
				for _, one := range all {
					metadata, _ := at(one, "metadata").(map[string]any)
					got = append(got, trigger{at(one, "type").(string), metadata})
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s: triggers of %s, -want +got:\n%s", c.reason, scaler, diff)
				}
			}
			for scaler, want := range map[string]int64{"shop-pack": c.interval, "shop-dispatcher": c.dispatchEvery} {
				if got := at(find(t, st, "ScaledObject", scaler), "spec", "pollingInterval"); want != 0 && got != want {
					t.Errorf("%s: pollingInterval of %s is %v, want %d", c.reason, scaler, got, want)
				}
			}
			service := find(t, st, "Service", "shop-front-scaler")
			if got := at(service, "spec", "publishNotReadyAddresses") == true && at(service, "spec", "ports", 0, "port") == int64(8082); got != c.served {
				t.Errorf("%s: fronts are found, ready or not: %v", c.reason, got)
			}
			var from []any
			rules, _ := at(find(t, st, "NetworkPolicy", "shop-front"), "spec", "ingress").([]any)
			for _, rule := range rules {
				if at(rule, "ports", 0, "port") == int64(8082) {
					from, _ = at(rule, "from").([]any)
				}
			}
			var want []any
			if c.served {
				want = []any{map[string]any{"namespaceSelector": map[string]any{}, "podSelector": map[string]any{"matchLabels": map[string]any{"app": "keda-operator"}}}}
			}
			if diff := cmp.Diff(want, from); diff != "" {
				t.Errorf("%s: who may reach it, -want +got:\n%s", c.reason, diff)
			}
		})
	}
}
