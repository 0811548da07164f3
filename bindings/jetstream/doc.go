// Package jetstream is the Broker on NATS JetStream: embedded in the process
// (Start), or on a server reached over a connection (Connect).
//
// For the mesh <mesh> of namespace <ns> there are
//
//	stream WEFT_<ns>_<mesh>_<queue>   subject weft.<ns>.<mesh>.<queue>
//	stream WEFT_<ns>_<mesh>__dead     subjects weft.<ns>.<mesh>._dead.<function>.<id>
//	stream WEFT_<ns>_<mesh>__state    subjects weft.<ns>.<mesh>._state.attempts.<queue>.<seq>
//	                                           weft.<ns>.<mesh>._state.shared.<key>
//
// Queues are named after functions in kebab-case, which holds no underscore,
// so that _dead and _state can be no function's.
//
// A queue is a stream with limits retention; a janitor purges what was
// acknowledged. On a server elsewhere acknowledged events stay for the dedup
// window, so that a repeated publish is known across a restart of that server.
// On the embedded one they go within a second, since the server keeps in memory
// what its streams were used for lately, and a log beside its directory has
// their ids instead. A queue has one durable pull consumer, "dispatcher",
// with explicit acknowledgement and redelivery without end; how many calls
// were made for a failing event is kept in the state stream.
//
// Messages follow the NATS protocol binding of CloudEvents 1.0.2 in binary
// mode: attributes as ce- headers, data as payload.
package jetstream
