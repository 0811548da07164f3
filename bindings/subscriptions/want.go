package subscriptions

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/source"
)

// The types of subscriptions, as Dapr's metadata API names them.
const (
	typeDeclarative  = "DECLARATIVE"
	typeProgrammatic = "PROGRAMMATIC"
	typeStreaming    = "STREAMING"
)

// linkTopics begins the topics that carry a mesh's links.
const linkTopics = "weft."

// Defaults of bulk subscriptions (Dapr's).
const (
	defaultBulkMessages = 100
	defaultBulkAwait    = time.Second
)

// maxBulkMessages bounds how many messages one call may bring: they are held in
// memory until the function has answered.
const maxBulkMessages = 10_000

// key tells the subscriptions of a function apart: Dapr has one for each topic.
type key struct{ pubsub, topic string }

// want is a subscription that a function asks for, compiled.
type want struct {
	Subscription
	rules []rule
	raw   bool
	bulk  *source.BulkSubscribe
	// from says who asks, for people: a document's place, or the function.
	from string
}

func (w *want) key() key { return key{w.PubSub, w.Topic} }

// subscribesAs says whether o needs the same subscription of the component: only
// where messages go differs.
func (w *want) subscribesAs(o *want) bool {
	return w.key() == o.key() && maps.Equal(w.Metadata, o.Metadata) &&
		(w.bulk == nil) == (o.bulk == nil) && (w.bulk == nil || *w.bulk == *o.bulk)
}

// of binds a want to a function.
func (w *want) of(f *mesh.Function) *want {
	c := *w
	c.Function = f
	return &c
}

// pubsub returns the component if f sees it and it is open, or nil.
func (m *Manager) pubsub(f *mesh.Function, name string) *components.PubSub {
	if !slices.Contains(f.PubSubs, name) {
		return nil
	}
	return m.cfg.Components.PubSub(name)
}

// refuses says why f may not have a subscription, or "".
func (m *Manager) refuses(f *mesh.Function, w *want) string {
	ps := m.pubsub(f, w.PubSub)
	switch {
	case m.overhears(w):
		return m.heard(w)
	case ps == nil && slices.Contains(f.PubSubs, w.PubSub):
		return "pub/sub component " + w.PubSub + " is not open"
	case ps == nil:
		return "the function sees no pub/sub component " + w.PubSub + " (its scopes decide)"
	case !ps.MaySubscribe(f, w.Topic):
		return "the topic scopes of " + w.PubSub + " do not let the function subscribe to " + w.Topic
	}
	return ""
}

// wildcards may stand for other characters in the topics of some components:
// pubsub.in-memory, pubsub.jetstream and pubsub.mqtt3.
const wildcards = "*>#+"

// overhears says whether a topic stands for many, those of links among them, at
// the server that carries the links. Another component of the same type may use
// the same server by another of its addresses, and is taken to: what it must not
// hear is lost or handled twice, and a topic can always be named more closely.
func (m *Manager) overhears(w *want) bool {
	if w.PubSub != m.cfg.Plan.Broker && !m.besideLinks(w.PubSub) {
		return false
	}
	topic := w.Topic
	// MQTT: $share/<group>/<topic>.
	if rest, ok := strings.CutPrefix(topic, "$share/"); ok {
		_, topic, _ = strings.Cut(rest, "/")
	}
	if typ := serverType(m.cfg.Plan.Components[w.PubSub].Type); typ == typeMQTT {
		// A topic of several levels matches none of links, which have one, but
		// for a # that stands for no level as well.
		if _, rest, more := strings.Cut(topic, "/"); more && rest != "#" {
			return false
		}
	}
	start, many := topic, false
	if i := strings.IndexAny(topic, wildcards); i >= 0 {
		start, many = topic[:i], true
	}
	return strings.HasPrefix(start, linkTopics) || many && strings.HasPrefix(linkTopics, start)
}

// heard is why a topic that overhears is refused.
func (m *Manager) heard(w *want) string {
	by := m.cfg.Plan.Broker
	if w.PubSub != by {
		by += ", whose server " + w.PubSub + " may have too, as it has the same type"
	}
	return "its topic " + w.Topic + " takes in those that begin with " + linkTopics + ", which carry the links of the mesh by " + by +
		"; name the topics more closely, such as orders/# or orders.*"
}

// besideLinks says whether a component may have the server of the one that
// carries the links: those of a type without a server have none in common.
func (m *Manager) besideLinks(pubsub string) bool {
	plan := m.cfg.Plan
	typ := serverType(plan.Components[plan.Broker].Type)
	return typ != "" && typ != typeInMemory && serverType(plan.Components[pubsub].Type) == typ
}

const (
	typeInMemory = "pubsub.in-memory"
	typeMQTT     = "pubsub.mqtt3"
)

// serverType is a component's type, the same for two names of one.
func serverType(typ string) string {
	typ = strings.ToLower(typ)
	if typ == "pubsub.mqtt" {
		return typeMQTT
	}
	return typ
}

// scoped says whether scopes admit f: none admit all.
func scoped(scopes []string, f *mesh.Function) bool {
	return len(scopes) == 0 || slices.ContainsFunc(scopes, func(s string) bool {
		return s == f.Name || s == f.KubeName || s == f.Service
	})
}

// cleanPath gives the path (and query) that a route stands for, as daprd cleans
// it: with a slash before it and none behind.
func cleanPath(route string) (string, error) {
	u, err := url.Parse("/" + strings.TrimLeft(route, "/"))
	if err != nil {
		return "", fmt.Errorf("the route %q is no path: %w", route, err)
	}
	clean := url.URL{Path: path.Clean(u.Path), RawQuery: u.RawQuery}
	return clean.RequestURI(), nil
}
