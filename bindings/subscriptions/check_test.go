package subscriptions

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheck(t *testing.T) {
	const head = `---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: sub}
`
	const second = `---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: other}
`
	cases := map[string]struct {
		reason, doc string
		want        []string
	}{
		"fine": {
			reason: "nothing to say", doc: head + "spec: {pubsubname: bus, topic: t, routes: {default: /x}}\nscopes: [ship]\n",
		},
		"rule": {
			reason: "a rule that does not compile", doc: head + "spec: {pubsubname: bus, topic: t, routes: {rules: [{match: 'event.type ==', path: /x}]}}\n",
			want: []string{`14:53: spec.routes.rules[0].match: the rule "event.type ==" does not compile: column 14: Syntax error: `},
		},
		"variable": {
			reason: "a rule about something else than the event", doc: head + `spec: {pubsubname: bus, topic: t, routes: {rules: [{match: 'evnt.type == "x"', path: /x}]}}` + "\n",
			want: []string{`14:53: spec.routes.rules[0].match: the rule "evnt.type == \"x\"" does not compile: column 1: undeclared reference to 'evnt'`},
		},
		"no bool": {
			reason: "a rule that is no condition", doc: head + "spec: {pubsubname: bus, topic: t, routes: {rules: [{match: '1 + 1', path: /x}]}}\n",
			want: []string{`14:53: spec.routes.rules[0].match: the rule "1 + 1" gives int, not bool`},
		},
		"path": {
			reason: "a route that is no path", doc: head + "spec: {pubsubname: bus, topic: t, routes: {default: /%zz}}\n",
			want: []string{`14:44: spec.routes.default: the route "/%zz" is no path`},
		},
		"v1alpha1": {
			reason: "the first version has its route elsewhere", doc: strings.Replace(head, "v2", "v1", 1) + "spec: {pubsubname: bus, topic: t, route: /%zz}\n",
			want: []string{`14:35: spec.route: the route "/%zz" is no path`},
		},
		"all at once": {
			reason: "all that is wrong is told", doc: head + "spec: {routes: {}}\nscopes: [shp]\n",
			want: []string{
				"14:1: spec.pubsubname: is missing; it names a pub/sub component", "14:1: spec.topic: is missing",
				"14:8: spec.routes: there is no route: every message would be dropped; write default: and the path of the function that takes the events",
				`15:10: scopes[0]: warning: there is no function "shp"; did you mean "ship"?`,
			},
		},
		"component": {
			reason: "the component must be declared", doc: head + "spec: {pubsubname: buss, topic: t, routes: {default: /x}}\n",
			want: []string{`14:8: spec.pubsubname: there is no pubsub component "buss"; did you mean "bus"?`},
		},
		"kind": {
			reason: "the component must be of the kind", doc: head + "spec: {pubsubname: store, topic: t, routes: {default: /x}}\n",
			want: []string{`14:8: spec.pubsubname: the component "store" is a state.in-memory, not a pubsub component`},
		},
		"itself": {
			reason: "dead letters would come again", doc: head + "spec: {pubsubname: bus, topic: t, routes: {default: /x}, deadLetterTopic: t}\n",
			want: []string{`14:58: spec.deadLetterTopic: is the topic itself, t: what fails would come again for ever`},
		},
		"links": {
			reason: "links are not to be listened to, nor written to", doc: head + "spec: {pubsubname: bus, topic: weft.a, routes: {default: /x}, deadLetterTopic: weft.a}\n",
			want: []string{
				`14:25: spec.topic: weft.a: topics that begin with weft. carry the links of meshes`,
				`14:63: spec.deadLetterTopic: weft.a: topics that begin with weft. carry the links of meshes`,
			},
		},
		"raw": {
			reason: "metadata are checked", doc: head + "spec: {pubsubname: bus, topic: t, routes: {default: /x}, metadata: {rawPayload: maybe}}\n",
			want: []string{`14:69: spec.metadata.rawPayload: `},
		},
		"out of scope": {
			reason: "the function does not see the component", doc: head + "spec: {pubsubname: closed, topic: t, routes: {default: /x}}\nscopes: [ship]\n",
			want: []string{`14:8: spec.pubsubname: warning: the scopes of component "closed" leave ship out; add it to the scopes, which are bury`},
		},
		"others are out of scope": {
			reason: "without scopes it is for those that see the component", doc: head + "spec: {pubsubname: closed, topic: t, routes: {default: /x}}\n",
		},
		"twice": {
			reason: "Dapr takes the first to a topic",
			doc: head + "spec: {pubsubname: bus, topic: t, routes: {default: /x}}\n" +
				second + "spec: {pubsubname: bus, topic: t, routes: {default: /y}}\nscopes: [ship]\n",
			want: []string{`19:25: spec.topic: warning: subscription sub brings t to ship before, and the first counts; write the rules into one subscription`},
		},
	}
	const components = `  components: [{name: bus, type: pubsub.in-memory, version: v1}, {name: store, type: state.in-memory},
    {name: closed, type: pubsub.in-memory, scopes: [bury]}]
`
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, ship+bury, components, tc.doc)
			var got []string
			for _, p := range r.b.Place(Check(r.b.Plan, r.b.Subscriptions)) {
				text := p.String()
				at := strings.Index(text, "mesh.yaml:") + len("mesh.yaml:")
				got = append(got, text[at:])
			}
			for i := range min(len(got), len(tc.want)) {
				// What others' parsers add is theirs.
				if strings.HasPrefix(got[i], tc.want[i]) {
					got[i] = tc.want[i]
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
