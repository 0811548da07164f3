// Package daprapi serves the Dapr API, gRPC (dapr.proto.runtime.v1.Dapr) and
// HTTP (/v1.0/...), to all functions of a mesh at once: what a sidecar per
// function does on a cluster.
//
// Callers are told apart by their token (dapr-api-token), and see only what
// their mesh gives them. A component that exists but is not the caller's is
// answered as one that does not exist.
//
// An [API] is that of one generation of a mesh; it settles what each function
// sees. The [Server] lives as long as the engine, and asks with each call which
// API is current. Each operation is one method of caller, with two thin fronts:
// grpc*.go make requests of messages, http*.go of paths, queries and bodies.
//
// daprd is the reference for every answer: the same calls have the same results,
// statuses, codes, names of errors and details (dapr pkg/api/grpc, pkg/api/http,
// pkg/api/universal, pkg/api/errors, pkg/messages). Texts of errors begin as
// daprd's do; what Weft adds, mostly how to declare what is missing, follows.
// On purpose it differs in this:
//
//   - A JSON value that is saved over HTTP keeps the digits of its numbers and
//     the order of its members, which daprd loses.
//   - A bulk get over HTTP tells which value is not JSON, where daprd's answer
//     is empty.
//   - An invocation that the mesh does not allow is PermissionDenied over gRPC
//     too, where daprd says Internal.
//   - InvokeService without a verb is a POST; daprd sends a method called NONE.
//   - Actors, workflows, configuration, locks, cryptography, jobs, conversation,
//     shutdown and the proxying of gRPC are Unimplemented, 501 over HTTP, and
//     say what there is instead.
package daprapi
