package subscriptions

import (
	"strings"
	"testing"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

func TestNewRefuses(t *testing.T) {
	r := newRig(t, ship, bus, `---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: sub}
spec: {pubsubname: bus, topic: t, routes: {rules: [{match: 'event.type ==', path: /x}]}}
`)
	_, err := New(Config{Plan: r.b.Plan, Components: r.set, Declared: r.b.Subscriptions, Functions: r, Logger: r.log.logger()})
	if err == nil || !strings.Contains(err.Error(), "does not compile") {
		t.Errorf("a rule that does not compile: %v", err)
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a manager without a plan")
	}
}

func TestScopes(t *testing.T) {
	cases := map[string]struct {
		reason, scopes string
		want           []string
	}{
		"none":    {"without scopes a subscription is for all", "", []string{"chargeCard", "ship"}},
		"name":    {"a name as written", "[chargeCard]", []string{"chargeCard"}},
		"kebab":   {"a name in kebab-case", "[charge-card]", []string{"chargeCard"}},
		"service": {"an app id", "[shop-charge-card, other]", []string{"chargeCard"}},
		"foreign": {"someone else's", "[other]", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			scopes := ""
			if tc.scopes != "" {
				scopes = "scopes: " + tc.scopes + "\n"
			}
			r := newRig(t, "    - {name: chargeCard, source: ., triggers: [{type: http}]}\n"+ship, bus, `---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: sub}
spec: {pubsubname: bus, topic: t, routes: {default: /x}}
`+scopes)
			m := r.manager(r.set)
			var got []string
			for _, mem := range m.members {
				if len(mem.declared) > 0 {
					got = append(got, mem.f.Name)
				}
			}
			if strings.Join(got, " ") != strings.Join(tc.want, " ") {
				t.Errorf("%s: for %v, want %v", tc.reason, got, tc.want)
			}
		})
	}
}

// TestLinksAreNotOverheard: a topic that stands for many must not take in those
// of links, at the server where links travel.
func TestLinksAreNotOverheard(t *testing.T) {
	m := &Manager{cfg: Config{Plan: &mesh.Plan{Broker: "links", Components: map[string]v1beta1.Component{
		"links": {Type: "pubsub.mqtt3"}, "beside": {Type: "PubSub.MQTT"}, "other": {Type: "pubsub.jetstream"},
	}}}}
	local := &Manager{cfg: Config{Plan: &mesh.Plan{Broker: "links", Components: map[string]v1beta1.Component{
		"links": {Type: "pubsub.in-memory"}, "beside": {Type: "pubsub.in-memory"},
	}}}}
	embedded := &Manager{cfg: Config{Plan: &mesh.Plan{Components: map[string]v1beta1.Component{"beside": {Type: "pubsub.mqtt3"}}}}}
	for topic, hears := range map[string]bool{
		"*": true, ">": true, "#": true, "+": true, "we*": true, "*.default.shop.ship": true,
		"$share/group/#": true, "$share/group/weft.default.shop.ship": true,
		"orders": false, "orders.*": false, "wefts*": false, "orders/#": false, "$share/group/orders/#": false,
		"+/#": true, "weft.default.shop.ship/#": true,
	} {
		cases := map[string]struct {
			reason string
			m      *Manager
			pubsub string
			want   bool
		}{
			"Carrier":  {"what carries the links", m, "links", hears},
			"Beside":   {"another component may have the same server", m, "beside", hears},
			"Other":    {"one of another type has not", m, "other", false},
			"Unknown":  {"one that is not declared has none", m, "unknown", false},
			"Local":    {"components without a server share none", local, "beside", false},
			"Embedded": {"links that travel within the engine are not heard", embedded, "beside", false},
		}
		for name, tc := range cases {
			if got := tc.m.overhears(&want{Subscription: Subscription{PubSub: tc.pubsub, Topic: topic}}); got != tc.want {
				t.Errorf("%s: %s: %s: %v, want %v", name, topic, tc.reason, got, tc.want)
			}
		}
	}
	for _, topic := range []string{"+/temperature", "+/+", "+/x/#", "$share/group/+/temperature", "weft.x/y"} {
		if m.overhears(&want{Subscription: Subscription{PubSub: "links", Topic: topic}}) {
			t.Errorf("%s has more levels than the topics of links, which have one", topic)
		}
	}
}
