package components

import (
	"slices"
	"strings"

	"github.com/weftmesh/weft/mesh"
)

// scopes are the limits that a pub/sub component puts on topics.
type scopes struct {
	publishing, subscription map[string][]string
	allowed, protected       []string
}

// newScopes reads publishingScopes, subscriptionScopes, allowedTopics and
// protectedTopics as daprd does (pkg/scopes): spaces do not count, and an entry
// without = is passed over.
func newScopes(props map[string]string) scopes {
	return scopes{
		publishing:   scoped(get(props, "publishingScopes")),
		subscription: scoped(get(props, "subscriptionScopes")),
		allowed:      topics(get(props, "allowedTopics")),
		protected:    topics(get(props, "protectedTopics")),
	}
}

// scoped reads app1=topic1,topic2;app2=topic3.
func scoped(text string) map[string][]string {
	out := make(map[string][]string)
	for entry := range strings.SplitSeq(strings.ReplaceAll(text, " ", ""), ";") {
		parts := strings.Split(entry, "=")
		if len(parts) < 2 {
			continue
		}
		out[parts[0]] = append(out[parts[0]], strings.Split(parts[1], ",")...)
	}
	return out
}

func topics(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.ReplaceAll(text, " ", ""), ",")
}

// may applies daprd's rule (pkg/runtime/pubsub, IsOperationAllowed): what is
// allowed at all, then what is scoped to the app; a protected topic needs a
// scope.
func (s scopes) may(f *mesh.Function, topic string, by map[string][]string) bool {
	if len(s.allowed) > 0 && !slices.Contains(s.allowed, topic) {
		return false
	}
	// A scope names an app id; here the function's name does too.
	scope := slices.Concat(by[f.Service], by[f.Name], by[f.KubeName])
	if len(scope) == 0 && !slices.Contains(s.protected, topic) {
		return true
	}
	return slices.Contains(scope, topic)
}

// MayPublish and MaySubscribe say whether the component's topic scopes
// (publishingScopes, subscriptionScopes, allowedTopics, protectedTopics) let f
// use a topic. Scopes name f by its app id, its name as written or in
// kebab-case.
func (p *PubSub) MayPublish(f *mesh.Function, topic string) bool {
	return p.scopes.may(f, topic, p.scopes.publishing)
}

// MaySubscribe says it of subscribing.
func (p *PubSub) MaySubscribe(f *mesh.Function, topic string) bool {
	return p.scopes.may(f, topic, p.scopes.subscription)
}
