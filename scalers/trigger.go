package scalers

import (
	"fmt"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/kinds"
)

// Queue says what a scaler watches: one queue of a mesh, as the broker that
// carries it knows it.
type Queue struct {
	// Stream and Consumer name it on JetStream.
	Stream, Consumer string
	// Topic and Group name it where a Dapr pub/sub component carries it: Group
	// is the consumerID, from which components name consumer groups and queues.
	Topic, Group string
	// Target is the number of waiting events for which one replica more is
	// wanted; at least 1.
	Target int
	// Activation is the number of waiting events up to which nobody is woken; 0
	// wakes for the first.
	Activation int
}

// Derived is what KEDA is to be told.
type Derived struct {
	// Trigger without its authenticationRef, which is the caller's to name.
	Trigger kinds.Trigger
	// Auth is the spec of a TriggerAuthentication, nil if none is needed. It
	// refers to the secrets that the component refers to, and holds none.
	Auth *kinds.TriggerAuthenticationSpec
}

// UnderivableError says why a component gives no trigger, and what to add.
type UnderivableError struct {
	// Component by name and type.
	Component, Type string
	// Reason, and Add: the metadata or other thing that would make it possible.
	Reason, Add string
}

func (e *UnderivableError) Error() string {
	return fmt.Sprintf("component %s (%s): %s; %s", e.Component, e.Type, e.Reason, e.Add)
}

// ForQueue derives the trigger that scales on the number of events waiting in
// a queue which component c carries. The error is *UnderivableError.
func ForQueue(c v1beta1.Component, q Queue) (Derived, error) {
	derive, ok := byType[strings.ToLower(c.Type)]
	if !ok {
		return Derived{}, &UnderivableError{Component: c.Name, Type: c.Type, Reason: "no KEDA trigger is known for it", Add: ownScaler}
	}
	return derive(c, q)
}

// ownScaler is the way out where nothing else is.
const ownScaler = "write a ScaledObject of your own for the Deployment; Weft's steps back where there is one"

// byType has a line for each component type that carries queues.
var byType = map[string]func(v1beta1.Component, Queue) (Derived, error){
	"pubsub.jetstream": jetstream,
	"pubsub.redis":     redis,
	"pubsub.rabbitmq":  rabbitmq,
	"pubsub.kafka":     kafka,
}
