package daprbroker

import "slices"

// Limits says in plain words which of the Broker's promises the component of
// that type does not keep, in four lines at most; none if it keeps all.
// docs/brokers.md has the rest.
func Limits(componentType string) []string { return slices.Clone(traitsOf(componentType).limits) }

// What holds for every component with a server of its own.
const (
	limitHand  = "events that an engine has in hand, up to 64 of each queue ahead and those in a pause, wait for that engine while it is down"
	limitQueue = "an event that is published twice is handled twice if two engines take the two; queues have no bound of Weft's, and their length is known only of what the engine has taken"
)

var (
	inMemoryLimits = []string{
		"the component lives in one engine: engines do not share queues",
	}
	redisLimits = []string{
		limitHand, limitQueue,
		"a restart of Redis without appendonly yes loses events; against power cuts it needs appendfsync always",
		"streams grow for ever: maxLenApprox or streamTTL bound them, and delete events that nobody took as well",
	}
	rabbitmqLimits = []string{
		limitHand, limitQueue,
		"maxLen and maxLenBytes delete events that nobody took",
	}
	jetstreamLimits = []string{
		limitHand,
		"an event that is published twice is recognised only for the stream's duplicate window (2 minutes)",
		"the bound is the stream's, for all queues together, and their length is known only of what the engine has taken; a stream that was there before is used as it is",
		"an event larger than the server's max_payload (1 MiB) is refused",
	}
	kafkaLimits = []string{
		limitHand, limitQueue,
		"an event is as durable as min.insync.replicas says, retention deletes it whether or not it was taken, and one larger than message.max.bytes (1 MiB) is refused",
		"a topic's partitions bound how many engines take its events at a time",
	}
	mqttLimits = []string{
		limitHand + "; so does its part of those at the server, for ever if it never comes back",
		limitQueue,
		"the server deletes without a word what exceeds its bound for a session (max_queued_messages of Mosquitto, 1000) or its age",
		"an event is durable only where the server stores sessions (persistence true of Mosquitto), as of its last write; shared subscriptions are needed",
	}
	otherLimits = []string{
		limitHand, limitQueue,
		"the component's type is not known to this version: how durable its events are, what a full queue does and when an event in hand comes again is as its settings say",
	}
)
