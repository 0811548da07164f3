// Package subscriptions brings the messages of topics and the events of input
// bindings to the functions that want them, waking those that are at zero.
//
// It stands for the part of a Dapr sidecar that calls its app: subscriptions
// declared as documents, those that an app declares at GET /dapr/subscribe, and
// those that a caller streams. What is sent, and what an answer means, is as
// daprd 1.18 has it without a Resiliency policy: one try, then the dead-letter
// topic if there is one, else the component's own redelivery.
//
// It differs from daprd where a function at zero is no app that is down, and in
// a few corners:
//   - Messages for a function that cannot start at all go back to the
//     component, never to the dead-letter topic.
//   - A rule may name event and nothing else: daprd finds another name out with
//     each message.
//   - In bulk, a message that no rule matches is dropped; daprd 1.18 posts it to
//     the root path. And 404 in bulk makes dead letters, as it does for a single
//     message; daprd drops them.
//   - Metadata that begin with ce- or weft- are no headers: a message cannot
//     pose as a delivery of the mesh.
//   - 405 to OPTIONS does not subscribe to an input binding: a function that
//     serves no OPTIONS is no function that wants events.
//   - Several functions that want one input binding get each of its events.
//
// What a function answers to an event of an input binding goes back to the
// binding. As with daprd, which reads it of gRPC apps alone, an answer's "to" and
// "state" have no effect.
package subscriptions
