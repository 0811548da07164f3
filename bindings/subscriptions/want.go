package subscriptions

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/dapr/components-contrib/metadata"

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

// asked is a subscription as it is written, in a document or by a function.
type asked struct {
	pubsub, topic string
	rules         []source.SubscriptionRule
	// fallback is the default route; "" for none.
	fallback   string
	deadLetter string
	metadata   map[string]string
	bulk       *source.BulkSubscribe
	kind, from string
}

// compile checks what is asked. It does not look at components: whether one is
// there, and who may use it, is another matter.
func compile(a asked) (*want, error) {
	if a.pubsub == "" {
		return nil, errors.New("it names no pubsubname")
	}
	if a.topic == "" {
		return nil, errors.New("it names no topic")
	}
	for _, topic := range []string{a.topic, a.deadLetter} {
		if strings.HasPrefix(topic, linkTopics) {
			return nil, fmt.Errorf("topic %s: topics that begin with %s carry the links of meshes", topic, linkTopics)
		}
	}
	if a.deadLetter == a.topic {
		return nil, fmt.Errorf("the deadLetterTopic is the topic itself, %s: what fails would come again for ever", a.topic)
	}
	w := &want{from: a.from, Subscription: Subscription{
		PubSub: a.pubsub, Topic: a.topic, DeadLetterTopic: a.deadLetter, Type: a.kind, Metadata: a.metadata,
	}}
	var err error
	if w.raw, err = metadata.IsRawPayload(a.metadata); err != nil {
		return nil, err
	}
	all := a.rules
	if a.fallback != "" {
		all = append(slices.Clip(all), source.SubscriptionRule{Path: a.fallback})
	}
	for _, r := range all {
		c, err := compileRule(r.Match, r.Path)
		if err != nil {
			return nil, err
		}
		w.rules = append(w.rules, c)
		w.Rules = append(w.Rules, c.Rule)
	}
	if len(w.rules) == 0 {
		return nil, errors.New("it has no route: every message would be dropped")
	}
	if a.bulk != nil {
		b := *a.bulk
		if b.MaxMessages <= 0 {
			b.MaxMessages = defaultBulkMessages
		}
		b.MaxMessages = min(b.MaxMessages, maxBulkMessages)
		if b.MaxAwait <= 0 {
			b.MaxAwait = defaultBulkAwait
		}
		w.bulk = &b
	}
	return w, nil
}

// of binds a want to a function.
func (w *want) of(f *mesh.Function) *want {
	c := *w
	c.Function = f
	return &c
}

// declared compiles the documents and gives each function its own, in their
// order, the first for a topic (Dapr's rule). All that is wrong is in the error.
func (m *Manager) declared() error {
	var errs []error
	for _, s := range m.cfg.Declared {
		fail := func(err error) {
			errs = append(errs, fmt.Errorf("%s: subscription %s: %w", s.At, s.Name, err))
		}
		w, err := compile(asked{
			pubsub: s.PubsubName, topic: s.Topic, rules: s.Rules, fallback: s.Route, deadLetter: s.DeadLetterTopic,
			metadata: s.Metadata, bulk: s.Bulk, kind: typeDeclarative, from: "subscription " + s.Name + " at " + s.At,
		})
		if err != nil {
			fail(err)
			continue
		}
		var inScope []*member
		for _, mem := range m.members {
			if scoped(s.Scopes, mem.f) {
				inScope = append(inScope, mem)
			}
		}
		if len(inScope) == 0 {
			m.log.Warn("subscription is for no function of the mesh", "subscription", s.Name, "at", s.At, "scopes", s.Scopes)
			continue
		}
		if _, ok := m.cfg.Plan.Components[s.PubsubName]; !ok {
			fail(fmt.Errorf("no component %s is declared: declare a pub/sub component of that name", s.PubsubName))
			continue
		}
		if len(s.Scopes) == 0 && len(inScope) > 1 {
			m.log.Info("a subscription without scopes brings each message to every function",
				"subscription", s.Name, "at", s.At, "functions", len(inScope))
		}
		for _, mem := range inScope {
			if why := m.refuses(mem.f, w); why != "" {
				m.log.Warn("not subscribed: "+why, "function", mem.f.Name, "subscription", s.Name, "at", s.At)
				continue
			}
			if slices.ContainsFunc(mem.declared, func(o *want) bool { return o.key() == w.key() }) {
				m.log.Warn("not subscribed: another subscription to the topic comes first", "function", mem.f.Name,
					"subscription", s.Name, "at", s.At, "topic", s.Topic)
				continue
			}
			mem.declared = append(mem.declared, w.of(mem.f))
		}
	}
	return errors.Join(errs...)
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
		return "its topic " + w.Topic + " takes in those that carry the links of the mesh"
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

// overhears says whether a topic stands for many, those of links among them, in
// the component that carries the links.
func (m *Manager) overhears(w *want) bool {
	if w.PubSub != m.cfg.Plan.Broker {
		return false
	}
	topic := w.Topic
	// MQTT: $share/<group>/<topic>.
	if rest, ok := strings.CutPrefix(topic, "$share/"); ok {
		_, topic, _ = strings.Cut(rest, "/")
	}
	start, many := topic, false
	if i := strings.IndexAny(topic, wildcards); i >= 0 {
		start, many = topic[:i], true
	}
	return strings.HasPrefix(start, linkTopics) || many && strings.HasPrefix(linkTopics, start)
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
