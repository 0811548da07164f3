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
	// hold is how long a message may be held back for want of room before it is
	// given back; 0 for as long as it takes.
	hold time.Duration
	// detached handlers run under a context that does not end with their
	// subscription.
	detached bool
	// idle is after how much silence a subscription is made anew, where a client
	// may have given up its server for good without a word; 0 for never.
	idle time.Duration
	// grace is what a component needs between the end of a subscription and its
	// Close, which would else never return.
	grace time.Duration
	// exclusive consumers: no two connections may have the same consumer id, and
	// engines share by the name of the subscription instead.
	exclusive bool
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
	standing: true,
	// Half the server's own consumer_timeout, after which it closes the channel.
	hold:        15 * time.Minute,
	grace:       100 * time.Millisecond,
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

// A message comes again when it was not acknowledged for ackWait, or was given
// back: after the same time. Its client gives up a server that was away for two
// minutes.
var jetstreamTraits = traits{
	hold: 10 * time.Second,
	idle: 2 * time.Minute,
	consume: []setting{
		{name: "ackPolicy", value: "explicit", must: true},
		{name: "deliverPolicy", value: "all", must: true},
		{name: "maxDeliver", value: "-1", must: true},
		{name: "backOff", must: true},
		{name: "concurrency", value: "parallel", must: true},
		{name: "ackWait", value: "15s"},
		{name: "maxAckPending", value: "128"},
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
	standing:  true,
	detached:  true,
	exclusive: true,
	publish: []setting{
		{name: "qos", value: "1", must: true},
		{name: "retain", value: "false", must: true},
		{name: "cleanSession", value: "true", must: true},
	},
	consume: []setting{
		{name: "qos", value: "1", must: true},
		{name: "cleanSession", value: "false", must: true},
	},
	limits: mqttLimits,
}

var inMemoryTraits = traits{inProcess: true, limits: inMemoryLimits}

// otherTraits suppose nothing of a type that this version does not know.
var otherTraits = traits{standing: true, limits: otherLimits}

func traitsOf(componentType string) traits {
	switch strings.ToLower(componentType) {
	case "pubsub.in-memory":
		return inMemoryTraits
	case "pubsub.jetstream":
		return jetstreamTraits
	case "pubsub.redis":
		return redisTraits
	case "pubsub.rabbitmq":
		return rabbitmqTraits
	case "pubsub.kafka":
		return kafkaTraits
	case "pubsub.mqtt3", "pubsub.mqtt":
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
