package subscriptions

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/dapr/components-contrib/metadata"

	"github.com/weftmesh/weft/mesh/source"
)

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

// fault is one thing that is wrong with what is asked: the field, by the name
// that documents and functions both write, and what to do about it.
type fault struct{ field, message, hint string }

// faults is the error of all that is wrong with what is asked.
type faults []fault

func (fs *faults) add(field, format string, args ...any) *fault {
	*fs = append(*fs, fault{field: field, message: fmt.Sprintf(format, args...)})
	return &(*fs)[len(*fs)-1]
}

func (fs faults) Error() string {
	texts := make([]string, len(fs))
	for i, f := range fs {
		texts[i] = f.field + ": " + f.message
	}
	return strings.Join(texts, "; ")
}

// compile checks what is asked; the error is faults. It does not look at
// components: whether one is there, and who may use it, is another matter.
func compile(a asked) (*want, error) {
	var wrong faults
	if a.pubsub == "" {
		wrong.add("pubsubname", "is missing").hint = "it names a pub/sub component"
	}
	if a.topic == "" {
		wrong.add("topic", "is missing")
	}
	const closed = "topics that begin with " + linkTopics + " carry the links of meshes"
	if strings.HasPrefix(a.topic, linkTopics) {
		wrong.add("topic", "%s: %s", a.topic, closed)
	}
	switch {
	case strings.HasPrefix(a.deadLetter, linkTopics):
		wrong.add("deadLetterTopic", "%s: %s", a.deadLetter, closed)
	case a.deadLetter != "" && a.deadLetter == a.topic:
		wrong.add("deadLetterTopic", "is the topic itself, %s: what fails would come again for ever", a.topic)
	}
	w := &want{from: a.from, Subscription: Subscription{
		PubSub: a.pubsub, Topic: a.topic, DeadLetterTopic: a.deadLetter, Type: a.kind, Metadata: a.metadata,
	}}
	var err error
	if w.raw, err = metadata.IsRawPayload(a.metadata); err != nil {
		wrong.add("metadata.rawPayload", "%v", err).hint = "write true or false"
	}
	add := func(r source.SubscriptionRule, pathField, matchField string) {
		c, at, err := compileRule(r.Match, r.Path)
		if err != nil {
			wrong.add(map[rulePart]string{rulePath: pathField, ruleMatch: matchField}[at], "%v", err)
			return
		}
		w.rules = append(w.rules, c)
		w.Rules = append(w.Rules, c.Rule)
	}
	for i, r := range a.rules {
		field := fmt.Sprintf("routes.rules[%d]", i)
		add(r, field+".path", field+".match")
	}
	if a.fallback != "" {
		add(source.SubscriptionRule{Path: a.fallback}, "routes.default", "routes.default")
	}
	if len(a.rules) == 0 && a.fallback == "" {
		wrong.add("routes", "there is no route: every message would be dropped").hint = "write default: and the path of the function that takes the events"
	}
	if a.bulk != nil {
		w.bulk = &source.BulkSubscribe{
			MaxMessages: min(cmp.Or(max(a.bulk.MaxMessages, 0), defaultBulkMessages), maxBulkMessages),
			MaxAwait:    cmp.Or(max(a.bulk.MaxAwait, 0), defaultBulkAwait),
		}
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return w, nil
}

// declared compiles the documents and gives each function its own, in their
// order, the first for a topic (Dapr's rule). What Check says about them is not
// said again.
func (m *Manager) declared() error {
	if err := Check(m.cfg.Plan, m.cfg.Declared).Err(); err != nil {
		return err
	}
	for _, s := range m.cfg.Declared {
		w, err := compile(askedBy(&s))
		if err != nil {
			return fmt.Errorf("%s: subscription %s: %w", s.At, s.Name, err)
		}
		var inScope []*member
		for _, mem := range m.members {
			if scoped(s.Scopes, mem.f) {
				inScope = append(inScope, mem)
			}
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
			if !slices.ContainsFunc(mem.declared, func(o *want) bool { return o.key() == w.key() }) {
				mem.declared = append(mem.declared, w.of(mem.f))
			}
		}
	}
	return nil
}

func askedBy(s *source.Subscription) asked {
	return asked{
		pubsub: s.PubsubName, topic: s.Topic, rules: s.Rules, fallback: s.Route, deadLetter: s.DeadLetterTopic,
		metadata: s.Metadata, bulk: s.Bulk, kind: typeDeclarative, from: "subscription " + s.Name + " at " + s.At,
	}
}
