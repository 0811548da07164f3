package daprapi

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/dapr/components-contrib/contenttype"
	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/state"
	"github.com/dapr/dapr/pkg/messages/errorcodes"
	commonv1 "github.com/dapr/dapr/pkg/proto/common/v1"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"
)

// empty answers calls that have nothing to say.
var empty = &emptypb.Empty{}

// GetState of the gRPC API.
func (front) GetState(ctx context.Context, in *runtimev1.GetStateRequest) (*runtimev1.GetStateResponse, error) {
	resp, err := callerOf(ctx).getState(ctx, in.GetStoreName(), in.GetKey(), &state.GetRequest{
		Metadata: in.GetMetadata(),
		Options:  state.GetStateOption{Consistency: consistency(in.GetConsistency())},
	})
	if err != nil {
		return nil, err
	}
	return &runtimev1.GetStateResponse{Data: resp.Data, Etag: deref(resp.ETag), Metadata: resp.Metadata}, nil
}

// SaveState of the gRPC API.
func (front) SaveState(ctx context.Context, in *runtimev1.SaveStateRequest) (*emptypb.Empty, error) {
	c := callerOf(ctx)
	if _, err := c.store(in.GetStoreName()); err != nil {
		return nil, err
	}
	reqs := make([]state.SetRequest, len(in.GetStates()))
	for i, item := range in.GetStates() {
		if item.GetKey() == "" {
			return nil, basic(codes.InvalidArgument, http.StatusBadRequest, errorcodes.StateSave, "state key cannot be empty")
		}
		if err := setRequest(&reqs[i], item); err != nil {
			return nil, err
		}
	}
	if err := c.saveState(ctx, in.GetStoreName(), reqs); err != nil {
		return nil, err
	}
	return empty, nil
}

// setRequest takes over an item. A value whose metadata says that it is JSON is
// given to the store as such, so that it can be queried (daprd's rule).
func setRequest(req *state.SetRequest, item *commonv1.StateItem) error {
	req.Key, req.Metadata, req.Value = item.GetKey(), item.GetMetadata(), item.GetValue()
	if req.Metadata[metadata.ContentType] == contenttype.JSONContentType {
		req.Value = nil
		if err := json.Unmarshal(item.GetValue(), &req.Value); err != nil {
			return err
		}
	}
	if item.GetEtag() != nil {
		req.ETag = &item.Etag.Value
	}
	if o := item.GetOptions(); o != nil {
		req.Options = state.SetStateOption{Consistency: consistency(o.GetConsistency()), Concurrency: concurrency(o.GetConcurrency())}
	}
	return nil
}

func consistency(c commonv1.StateOptions_StateConsistency) string {
	switch c {
	case commonv1.StateOptions_CONSISTENCY_EVENTUAL:
		return state.Eventual
	case commonv1.StateOptions_CONSISTENCY_STRONG:
		return state.Strong
	}
	return ""
}

func concurrency(c commonv1.StateOptions_StateConcurrency) string {
	switch c {
	case commonv1.StateOptions_CONCURRENCY_FIRST_WRITE:
		return state.FirstWrite
	case commonv1.StateOptions_CONCURRENCY_LAST_WRITE:
		return state.LastWrite
	}
	return ""
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
