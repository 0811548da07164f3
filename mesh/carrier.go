package mesh

import "strings"

// TypeJetStream is the type of component that front and dispatchers speak to
// directly.
const TypeJetStream = "pubsub.jetstream"

// IsJetStream says whether a component is one of TypeJetStream.
func IsJetStream(componentType string) bool { return strings.EqualFold(componentType, TypeJetStream) }

// Uncarried says why a component of that type cannot carry the links of a mesh
// on a cluster, where processes come and go; "" if it can.
func Uncarried(componentType string) string {
	switch strings.ToLower(componentType) {
	case "pubsub.in-memory":
		return "it lives in one process, and front, dispatchers and functions are several"
	case "pubsub.mqtt3", "pubsub.mqtt":
		return "its server gives each process a part of the events, and keeps it for one that never comes back, as pods do not"
	}
	return ""
}
