package components

import (
	"slices"
	"testing"

	daprscopes "github.com/dapr/dapr/pkg/scopes"

	"github.com/weftmesh/weft/mesh"
)

var takeOrder = &mesh.Function{Name: "takeOrder", KubeName: "take-order", Service: "test-take-order"}

func TestTopicScopes(t *testing.T) {
	for name, c := range map[string]struct {
		reason             string
		props              map[string]string
		topic              string
		publish, subscribe bool
	}{
		"open":                     {"no scopes, no limits", nil, "orders", true, true},
		"allowed":                  {"the topic is on the list", map[string]string{"allowedTopics": "orders, mails"}, "mails", true, true},
		"not allowed":              {"the list leaves it out", map[string]string{"allowedTopics": "orders"}, "mails", false, false},
		"protected":                {"a protected topic needs a scope", map[string]string{"protectedTopics": "orders"}, "orders", false, false},
		"protected and scoped":     {"it has one for publishing", map[string]string{"protectedTopics": "orders", "publishingScopes": "test-take-order=orders"}, "orders", true, false},
		"scoped by app id":         {"daprd's own form", map[string]string{"publishingScopes": "other=mails;test-take-order=orders"}, "orders", true, true},
		"scoped by name":           {"the function as written", map[string]string{"subscriptionScopes": "takeOrder = orders"}, "orders", true, true},
		"scoped by kebab-case":     {"the function in kebab-case", map[string]string{"subscriptionScopes": "take-order=orders"}, "mails", true, false},
		"scoped to others":         {"an app without a scope is free", map[string]string{"publishingScopes": "other=orders"}, "orders", true, true},
		"scoped to nothing":        {"app= with no topic denies all", map[string]string{"publishingScopes": "test-take-order="}, "orders", false, true},
		"names in any case":        {"metadata holds in any case", map[string]string{"ALLOWEDTOPICS": "mails"}, "orders", false, false},
		"scope beats allowed only": {"both must hold", map[string]string{"allowedTopics": "orders", "publishingScopes": "test-take-order=mails"}, "mails", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := &PubSub{scopes: newScopes(c.props)}
			if got := p.MayPublish(takeOrder, c.topic); got != c.publish {
				t.Errorf("%s: MayPublish is %v", c.reason, got)
			}
			if got := p.MaySubscribe(takeOrder, c.topic); got != c.subscribe {
				t.Errorf("%s: MaySubscribe is %v", c.reason, got)
			}
		})
	}
}

// FuzzScopes compares with daprd's own reading.
func FuzzScopes(f *testing.F) {
	f.Add("a=b,c;d=e", "a", "b")
	f.Add("a=b;a=c;=x;a", "a", "c")
	f.Add(" a = b , c = d", "a", "")
	f.Fuzz(func(t *testing.T, text, app, topic string) {
		props := map[string]string{"publishingScopes": text, "allowedTopics": text, "protectedTopics": text}
		s := newScopes(props)
		want := daprscopes.GetScopedTopics(daprscopes.PublishingScopes, app, props)
		got := s.publishing[app]
		if slices.Contains(got, topic) != slices.Contains(want, topic) || len(got) == 0 != (len(want) == 0) {
			t.Errorf("scopes %q of %q: %q, and daprd reads %q", text, app, got, want)
		}
		if want := daprscopes.GetAllowedTopics(props); slices.Contains(s.allowed, topic) != slices.Contains(want, topic) || len(s.allowed) == 0 != (len(want) == 0) {
			t.Errorf("topics %q: %q, and daprd reads %q", text, s.allowed, want)
		}
	})
}
