package daprbroker

import (
	"strings"
	"time"
)

// traits are what is particular about a type of component.
type traits struct {
	// inProcess components hand a message on within this process and keep none.
	inProcess bool
	// standing queues exist at the server only once someone has subscribed; what
	// is published before is lost.
	standing bool
	// streams must exist before something is published.
	streams bool
	// grace is what a component needs between the end of a subscription and its
	// Close, to acknowledge what was handled, or to return at all.
	grace time.Duration
	// sessions: each engine has a session of its own at the server, and engines
	// share by the name of what they subscribe to.
	sessions bool
	// lanes is how many instances publish, each one message at a time, where a
	// component does not publish more than one at a time; 0 where it does.
	lanes int
	// unconfirmed is what a component logs when it calls a message published
	// that its server did not confirm.
	unconfirmed string
	// publish and consume are settings of the instances that publish and
	// consume: with must they hold whatever the component says, because without
	// them events are lost; without, they are defaults.
	publish, consume []setting
	// limits in plain words.
	limits []string
}

// setting of a component's metadata.
type setting struct {
	name, value string
	must        bool
}

// Consumers of Redis keep a message that they read for themselves; it comes
// again, to any, when it was not acknowledged for processingTimeout, which is
// looked after every redeliverInterval. Together they are well below the dedup
// window of the embedded broker, so that what comes again after a kill is
// recognised. Numbers, as the component reads no other redeliverInterval; they
// are milliseconds. 0 would mean never.
var redisTraits = traits{
	grace: 50 * time.Millisecond,
	consume: []setting{
		{name: "processingTimeout", value: "10000", must: true},
		{name: "redeliverInterval", value: "5000", must: true},
		{name: "queueDepth", value: "32"},
		{name: "concurrency", value: "8"},
	},
	publish: []setting{{name: "concurrency", value: "1"}},
	limits:  redisLimits,
}

// By default RabbitMQ's component asks for no confirmation, publishes what a
// restart of the server forgets, deletes a queue with its last consumer, and
// drops what a handler gives back.
var rabbitmqTraits = traits{
	standing:    true,
	grace:       100 * time.Millisecond,
	lanes:       8,
	unconfirmed: "did not receive confirmation of publishing",
	publish: []setting{
		{name: "publisherConfirm", value: "true", must: true},
		{name: "deliveryMode", value: "2", must: true},
		{name: "durable", value: "true", must: true},
		{name: "deletedWhenUnused", value: "false", must: true},
		{name: "exchangeKind", value: "fanout", must: true},
		{name: "reconnectWaitSeconds", value: "1s"},
	},
	consume: []setting{
		{name: "durable", value: "true", must: true},
		{name: "deletedWhenUnused", value: "false", must: true},
		{name: "exchangeKind", value: "fanout", must: true},
		{name: "autoAck", value: "false", must: true},
		{name: "requeueInFailure", value: "true", must: true},
		{name: "enableDeadLetter", value: "false", must: true},
		{name: "concurrency", value: "parallel", must: true},
		{name: "prefetchCount", value: "32"},
		{name: "reconnectWaitSeconds", value: "1s"},
	},
	limits: rabbitmqLimits,
}

// JetStream's durable consumers are made beforehand, as the component makes them
// without a bound to how long it waits for an acknowledgement, but for the
// server's own. They are "single": with "parallel" the client acknowledges a
// message as soon as the component has begun with it.
var jetstreamTraits = traits{
	streams: true,
	grace:   50 * time.Millisecond,
	consume: []setting{
		{name: "ackPolicy", value: "explicit", must: true},
		{name: "deliverPolicy", value: "all", must: true},
		{name: "concurrency", value: "single", must: true},
		// What the durable consumer says holds.
		{name: "ackWait", must: true},
		{name: "maxDeliver", must: true},
		{name: "backOff", must: true},
		{name: "maxAckPending", must: true},
		{name: "flowControl", must: true},
		{name: "heartbeat", must: true},
		{name: "replicas", must: true},
		{name: "memoryStorage", must: true},
		{name: "rateLimit", must: true},
		{name: "startSequence", must: true},
		{name: "startTime", must: true},
	},
	limits: jetstreamLimits,
}

// A consumer group begins where it was, and the first time at the beginning. A
// message that a handler gives back is tried again without end by default.
var kafkaTraits = traits{
	consume: []setting{
		{name: "consumerGroup", must: true},
		{name: "initialOffset", value: "oldest", must: true},
		{name: "consumeRetryEnabled", value: "true", must: true},
		{name: "backOffMaxRetries", value: "-1", must: true},
	},
	limits: kafkaLimits,
}

// A server keeps for a client with a session of its own what comes while it is
// away. What a handler gives back comes again when the client connects anew,
// not before.
var mqttTraits = traits{
	standing: true,
	sessions: true,
	publish: []setting{
		{name: "qos", value: "1", must: true},
		{name: "retain", value: "false", must: true},
		{name: "cleanSession", value: "true", must: true},
	},
	limits: mqttLimits,
}

var inMemoryTraits = traits{inProcess: true, limits: inMemoryLimits}

// otherTraits suppose nothing of a type that this version does not know.
var otherTraits = traits{standing: true, limits: otherLimits}

// Types in lower case.
const (
	typeInMemory  = "pubsub.in-memory"
	typeJetStream = "pubsub.jetstream"
	typeRedis     = "pubsub.redis"
	typeRabbitMQ  = "pubsub.rabbitmq"
	typeKafka     = "pubsub.kafka"
	typeMQTT      = "pubsub.mqtt3"
	typeMQTTOld   = "pubsub.mqtt"
)

func traitsOf(componentType string) traits {
	switch strings.ToLower(componentType) {
	case typeInMemory:
		return inMemoryTraits
	case typeJetStream:
		return jetstreamTraits
	case typeRedis:
		return redisTraits
	case typeRabbitMQ:
		return rabbitmqTraits
	case typeKafka:
		return kafkaTraits
	case typeMQTT, typeMQTTOld:
		return mqttTraits
	}
	return otherTraits
}

// apply writes settings into a component's metadata, whose names are read in
// any case. It returns those of must that said something else.
func apply(props map[string]string, settings []setting) (overruled []string) {
	for _, s := range settings {
		was, given := "", false
		for name, value := range props {
			if strings.EqualFold(name, s.name) {
				was, given = value, true
				if s.must {
					delete(props, name)
				}
			}
		}
		if given && !s.must {
			continue
		}
		if given && !strings.EqualFold(was, s.value) {
			overruled = append(overruled, s.name)
		}
		if s.value != "" {
			props[s.name] = s.value
		}
	}
	return overruled
}
