// Package weft is the root of Weft, which runs a function mesh: small functions
// that declared links connect, described by one file, on one machine or on a
// Kubernetes cluster. It holds no code but the source of the runtime, for the
// builder; this is the map of what does.
//
// For authors of functions:
//
//	runtime/fn        what a function imports: HTTP, CloudEvent, Typed, Emit, Main
//	runtime/fntest    tests of functions in memory
//	runtime/host      the server under a function, for programs with a main of their own
//
// What a mesh is:
//
//	api/v1beta1       the FunctionMesh: types, defaults, validation
//	mesh              a FunctionMesh compiled into a Plan: graph, names, conditions, policies
//	mesh/source       reads mesh files with what lies beside them, and says where each fault is
//	mesh/graph        draws a mesh: Mermaid, DOT, SVG
//	manifests         the custom resource definition and the JSON Schema, generated from api
//
// How it runs:
//
//	mesh/delivery     router and dispatcher: retries, circuit breakers, dead letters; the Broker they need
//	mesh/gateway      the HTTP front door, and the sink for what functions emit
//	bindings          brokers: jetstream
//	scalers           how many replicas a function needs
//	builder           function sources to programs
//	builder/detect    which kind of handler a directory holds
//	builder/scaffold  the main that hosts a handler
//	builder/image     programs to OCI images, in registries and files
//	internal/local    the local engine, weft up: processes, scale to zero, watching
//	internal/telemetry  metrics, logs and traces of a running mesh
//
// Around it:
//
//	cmd/weft, internal/cli  the command
//	internal/adminapi       how the command talks to a running engine
//	internal/cluster        how the command talks to a Kubernetes cluster
//	internal/wire           CloudEvents over HTTP
//	internal/contract       what engine and function agree on
//	internal/architecture   tests that hold imports to their direction
//	samples, hack, docs     meshes to read and run; proofs and measurements; texts
//
// docs/architecture.md follows one event on its way through these.
package weft
