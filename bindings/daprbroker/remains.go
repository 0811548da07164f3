package daprbroker

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// Remains says in plain words what a mesh leaves at the server of the component
// that carries its links, by name, with how to remove it: one line each. It has
// none if the component has no server, or no component carries them. dir is the
// engine's data directory. Nothing is looked up: it says what is made when the
// mesh runs there.
//
// Weft removes none of it: other engines of the mesh may use it.
func Remains(plan *mesh.Plan, dir string) []string {
	carrier, ok := plan.Components[plan.Broker]
	if !ok {
		return nil
	}
	var queues []string
	for _, f := range plan.Functions {
		if f.Queued() {
			queues = append(queues, delivery.QueueName(f))
		}
	}
	slices.Sort(queues)
	if len(queues) == 0 {
		return nil
	}
	names := func(name func(queue string) string) string {
		all := make([]string, len(queues))
		for i, q := range queues {
			all[i] = name(q)
		}
		return strings.Join(all, ", ")
	}
	topic := func(q string) string { return topicOf(plan.Namespace, plan.Name, q) }
	consumer := func(q string) string { return consumerOf(plan.Namespace, plan.Name, q) }
	switch strings.ToLower(carrier.Type) {
	case typeInMemory:
		return nil
	case typeJetStream:
		stream := streamOf(plan.Namespace, plan.Name)
		for _, item := range carrier.Metadata {
			if strings.EqualFold(item.Name, "streamName") && item.Value != "" {
				stream = item.Value
			}
		}
		return []string{fmt.Sprintf("the stream %s, or another with the subjects %s, and in it the consumers %s (nats stream rm, or nats consumer rm)",
			stream, topic("*"), names(consumer))}
	case typeRedis:
		return []string{"the streams " + names(topic) + " with their consumer groups (redis-cli del)"}
	case typeRabbitMQ:
		return []string{
			"the queues " + names(func(q string) string { return consumer(q) + "-" + topic(q) }) + " (rabbitmqctl delete_queue)",
			"the exchanges " + names(topic) + " (rabbitmqadmin delete exchange)",
		}
	case typeKafka:
		return []string{
			"the topics " + names(topic) + " (kafka-topics --delete)",
			"the consumer groups " + names(consumer) + " (kafka-consumer-groups --delete)",
		}
	case typeMQTT, typeMQTTOld:
		id := idOf(dir)
		return []string{fmt.Sprintf("the sessions of the clients %s, and those of other engines, which end in another word than %s (connect once with the client id and a clean session)",
			names(func(q string) string { return consumer(q) + "_" + id }), id)}
	}
	return []string{"what the component made for the topics " + names(topic) + " and the consumers " + names(consumer)}
}
