// Package unary calls unary methods of a gRPC server. It is what a function
// needs of gRPC to reach the Dapr API: one request, one answer, over one
// connection that is made with the first call and made anew when it has ended.
// The whole of gRPC is 9 MB of a function's program and a millisecond of its
// start; this is a few hundred lines over HTTP/2's frames and golang.org/x/net's
// header compression.
//
// The rules are those of gRPC over HTTP/2 (PROTOCOL-HTTP2.md of grpc/grpc) and
// of RFC 9113. Left out, as a server never insists on them: streams of messages,
// compression, name resolution and balancing, service configuration, server
// push, priorities.
package unary
