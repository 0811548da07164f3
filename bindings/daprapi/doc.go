// Package daprapi serves the Dapr API, gRPC (dapr.proto.runtime.v1.Dapr) and
// HTTP (/v1.0/...), to all functions of a mesh at once: what a sidecar per
// function does on a cluster.
//
// Callers are told apart by their token (dapr-api-token), and see only what
// their mesh gives them.
package daprapi
