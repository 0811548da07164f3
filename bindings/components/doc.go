// Package components opens the Dapr components that a mesh declares: state
// stores, pub/sub brokers, bindings and secret stores of components-contrib,
// in the engine's own process instead of a sidecar per function.
//
// A component is declared as a document (dapr.io/v1alpha1) beside the mesh or
// inline, and opened once for all functions that may see it. What daprd does
// around a component holds here too, and the tests say where a rule comes from:
// templates and references in metadata, key prefixes, topic scopes, consumer
// ids, the direction and route of bindings.
//
// To add a component of components-contrib, add its line to the registry.
package components
