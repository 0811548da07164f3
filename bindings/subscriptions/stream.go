package subscriptions

import (
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weftmesh/weft/mesh"
)

// Stream serves SubscribeTopicEventsAlpha1 for a caller until the stream or the
// manager ends. Errors are gRPC statuses.
func (m *Manager) Stream(caller *mesh.Function, stream runtimev1.Dapr_SubscribeTopicEventsAlpha1Server) error {
	return status.Error(codes.Unimplemented, "streams are not served")
}
