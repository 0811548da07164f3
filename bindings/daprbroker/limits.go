package daprbroker

import "slices"

// Limits says in plain words which of the Broker's promises the component of
// that type does not keep, one each; none if it keeps all. docs/brokers.md has
// the same at more length.
func Limits(componentType string) []string { return slices.Clone(traitsOf(componentType).limits) }

// What holds for every component with a server of its own.
const (
	limitHand  = "events that an engine has in hand, up to 64 of each queue ahead and those in a pause, wait for that engine: others do not get them while it is down"
	limitDedup = "an event that is published twice is recognised by the engine that takes it, for its dedup window: if two engines take the two, both handle it"
	limitStats = "the length of a queue is what the engine has taken of it: what waits at the server is not counted"
	limitBound = "a queue is not bounded by Weft: senders hear of a full server only where it refuses to publish"
)

var (
	inMemoryLimits = []string{
		"the component lives in one engine: engines do not share queues",
	}
	redisLimits = []string{
		limitHand, limitDedup, limitStats, limitBound,
		"Redis keeps what it is told in memory: without appendonly yes (and appendfsync always against power cuts) a restart of it loses events",
		"a stream grows for ever: maxLenApprox or streamTTL bound it, and delete the oldest events whether or not they were taken",
		"events that were being taken when an engine was killed come again after 10 to 15 seconds",
	}
	rabbitmqLimits = []string{
		limitHand, limitDedup, limitStats, limitBound,
		"maxLen and maxLenBytes delete the oldest events whether or not they were taken",
	}
	jetstreamLimits = []string{
		limitHand, limitStats,
		"an event that is published twice is recognised for the stream's duplicate window (2 minutes), and only while the stream keeps it or the server remembers it",
		"the bound is the stream's, for all queues of the mesh together; a stream that exists is used as it is, and with discard policy old or a maximum age it deletes events that nobody took",
		"an event larger than the server's max_payload (1 MiB) is refused as too large",
		"events that were being taken when an engine stopped come again after 10 seconds",
	}
	kafkaLimits = []string{
		limitHand, limitDedup, limitStats, limitBound,
		"a topic's partitions bound how many engines take its events at a time; what joins or leaves has all wait for the group to settle",
		"the topic's retention deletes events whether or not they were taken",
		"an event larger than message.max.bytes (1 MiB) is refused as too large",
		"an event is durable when the brokers in sync have it: how many those are is min.insync.replicas",
	}
	mqttLimits = []string{
		limitHand, limitDedup, limitStats, limitBound,
		"the server keeps events in the session of an engine: they wait for that engine, or, when it never comes back, for ever",
		"a server deletes what exceeds its bound for a session (max_queued_messages of Mosquitto, 1000) or for its age, without a word",
		"an event is durable only where the server stores sessions (persistence true of Mosquitto), and as of its last write",
		"the server must have shared subscriptions ($share)",
	}
	otherLimits = []string{
		limitHand, limitDedup, limitStats, limitBound,
		"the component's type is not known to this version: how durable its events are, what a full queue does and when an event in hand comes again is as its settings say",
	}
)
