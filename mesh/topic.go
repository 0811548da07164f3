package mesh

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
)

// PathTopics is what the paths of TopicPath begin with.
const PathTopics = "/topics/"

// TopicPath is where the front of a mesh on a cluster takes the messages of a
// topic: the mesh's Subscriptions name the path, and the front serves it. It is
// the topic's and not a function's: of several Subscriptions of one app to one
// topic Dapr keeps the first (ListSubscriptionsAppByPubSub of its compstore),
// so that functions with the same topic share one.
//
// Topics hold what they like; one with more than letters, digits, dots, hyphens
// and underscores is known by its hash, behind a hyphen.
func TopicPath(component, topic string) string {
	if !plainTopic.MatchString(topic) {
		sum := sha256.Sum256([]byte(topic))
		topic = "-" + hex.EncodeToString(sum[:8])
	}
	return PathTopics + component + "/" + topic
}

var plainTopic = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// BindingPath is where Dapr posts the events of an input binding: its name,
// unless its setting route says otherwise.
func BindingPath(c v1beta1.Component) string {
	path := c.Name
	for _, m := range c.Metadata {
		if IsRoute(m) && m.Value != "" {
			path = m.Value
		}
	}
	return "/" + strings.TrimPrefix(path, "/")
}

// IsRoute says whether a setting of an input binding is its route.
func IsRoute(m v1beta1.ComponentMetadata) bool { return strings.EqualFold(m.Name, "route") }

// TopicOf names the component that has the topic of a pubsub trigger: the mesh's
// broker where the trigger names none.
func (p *Plan) TopicOf(t v1beta1.Trigger) string {
	if t.Component != "" {
		return t.Component
	}
	return p.Broker
}
