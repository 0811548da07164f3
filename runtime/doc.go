// Package runtime is the root of what runs inside a function:
//
//	fn      what authors import: HTTP, CloudEvent and typed functions, Emit, Main
//	host    the server under fn, for those who write their own main
//	fntest  tests of functions without ports, processes or an engine
//
// Nothing here imports Kubernetes, NATS or gRPC, so that a hello function is a
// small binary that starts at once; a test holds it to that.
package runtime
