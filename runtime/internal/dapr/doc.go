// Package dapr reaches components through the Dapr API that the engine serves,
// with the client of dapr/go-sdk over one connection for the process. It finds
// the API by Dapr's own environment: DAPR_GRPC_ENDPOINT, else DAPR_GRPC_PORT on
// this machine, and DAPR_API_TOKEN; where an engine on this machine offers a
// socket as well (WEFT_DAPR_SOCKET), that comes first.
package dapr
