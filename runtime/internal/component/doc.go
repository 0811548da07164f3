// Package component is what state, pubsub, binding and secret share: the calls
// that reach a Dapr component, how values are written, and the errors. Who
// answers the calls is a Backend: the engine, through package dapr, or the
// memory of a test. Nothing here imports gRPC, so that the tests of a function
// that uses no component stay small.
package component
