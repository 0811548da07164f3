// Package daprbroker carries the links of a mesh by any Dapr pub/sub component
// (spec.broker).
//
// A pub/sub component pushes a message to a handler and forgets it once the
// handler has returned. A Broker promises more: events come again after a pause
// of the dispatcher's choice, how many calls were made is remembered, one event
// in a pause holds up no other, an event that is worked on for long does not
// come twice, a repeated one is stored once, and an event leaves its queue only
// after its outputs are durable. No component keeps all of that, and each keeps
// less of it in its own way. So the two are joined as follows.
//
//	Publish ── topic ──▶ handler ── append ──▶ Local's queue ──▶ Fetch
//	                        └─ return nil: the component forgets it
//
// A message is taken from the component by appending it to the queue of the same
// name in Options.Local, the engine's embedded broker, and only then returning
// nil. From there on it is Local's, with all of Local's promises: the dispatcher
// acknowledges, retries and dead-letters there. At every moment an event is
// durable in the component or in Local. A kill between the two brings it again,
// and Local knows it by source and id.
//
// The alternative, to hold the handler until the dispatcher has settled, was
// left: components bound how long a handler may take (Redis, NATS), how many may
// be under way (all), and what an error does (Redis' forgets the message,
// Kafka's holds up its partition, MQTT's brings it only to the next connection),
// and none takes a pause or counts attempts.
//
// What it costs is that events in hand wait for one engine. So little is taken
// ahead: as long as Local's queue has 64 events waiting, handlers wait for room.
// If they must for more than 4 s, the queue stops to listen and its messages go
// back, for other engines to have; likewise 10 s after the last subscription has
// closed, as when a circuit is open. A Local that is full or cannot write leaves
// events where they are.
//
// Where Local is one for all engines (Options.Shared), as on a cluster, none of
// that is so: events are taken as they come.
//
// # Names
//
// For the mesh <mesh> of namespace <ns> there are
//
//	topic     weft.<ns>.<mesh>.<queue>
//	consumer  weft_<ns>_<mesh>_<queue>   the same for all engines, which share
//
// Each queue listens with an instance of the component of its own.
//
// A message is a CloudEvent in JSON. Its id is a hash of queue, source and id,
// as a component may drop messages by their id alone; the event's own is in the
// extension weftid.
//
// # Components
//
// What is particular about a type is in its traits: settings of its metadata
// that are given another default or overruled, because events would be lost with
// them, and what it needs beyond its interface. Of note in components-contrib
// 1.18:
//
//   - RabbitMQ's calls a message published that its server did not confirm, and
//     only logs so: the log is listened to. It publishes one at a time and waits
//     for each: several instances publish. By default it deletes a queue with its
//     last consumer and drops what a handler gives back.
//   - Redis' acknowledges a message whose handler failed, unless the handler's
//     context has ended: so no handler returns an error before.
//   - JetStream's neither makes a stream nor bounds the wait for an
//     acknowledgement, and with concurrency "parallel" its client acknowledges a
//     message before it is handled. Stream and durable consumers are made here.
//   - MQTT's connects before it subscribes, and what a server sends in between
//     is never acknowledged. It publishes again, as soon as it has connected
//     anew, what a server that was restarted then confirms and drops, because no
//     one has subscribed yet. The package does both in its stead.
//   - The in-memory one keeps nothing: Publish waits until Local has the event.
package daprbroker
