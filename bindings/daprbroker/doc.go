// Package daprbroker carries the links of a mesh by any Dapr pub/sub component
// (spec.broker).
package daprbroker
