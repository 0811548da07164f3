// Package runtime is the root of what runs inside a function:
//
//	fn      what authors import: HTTP, CloudEvent and typed functions, Emit, Main
//	host    the server under fn, for those who write their own main
//	fntest  tests of functions without ports, processes or an engine
//	state   values in the state stores that the mesh declares
//	pubsub  publishing to topics
//	binding output bindings: mail, databases, HTTP APIs
//	secret  secret stores
//
// fn, host and fntest import no Kubernetes, NATS or gRPC, so that a hello
// function is a small binary that starts at once; a test holds them to that.
// The last four speak gRPC, which a function that uses one of them pays for.
package runtime
