// Package gateway is the way into a mesh: the Gateway serves the routes that
// http triggers declare and hands requests to functions, and the Sink takes
// what functions emit (K_SINK).
//
// The Gateway adds nothing to a request but ids, trace context and forwarding
// headers, and streams in both directions. Where a function's answer is also
// its output, the answer waits until the output is durable.
package gateway
