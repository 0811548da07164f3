// Package scalers derives KEDA triggers and authentications from what a mesh
// already says: from the Dapr component that carries a queue, and from its
// policies. So nobody writes a broker twice, and the two cannot drift.
//
// Each component type has a file of its own, as has each policy. What cannot be
// derived is an *UnderivableError that says what to add, and where.
//
// Everything here is pure. Below it, concurrency decides about replicas of the
// local engine.
package scalers
