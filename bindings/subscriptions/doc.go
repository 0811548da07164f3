// Package subscriptions brings the messages of topics and the events of input
// bindings to the functions that want them, waking those that are at zero.
//
// It stands for the part of a Dapr sidecar that calls its app: subscriptions
// declared as documents, those that an app declares at GET /dapr/subscribe, and
// those that a caller streams.
package subscriptions
