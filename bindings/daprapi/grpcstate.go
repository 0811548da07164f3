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
	req.ETag, req.Options = etag(item.GetEtag()), setOptions(item.GetOptions())
	return nil
}

// GetBulkState of the gRPC API.
func (front) GetBulkState(ctx context.Context, in *runtimev1.GetBulkStateRequest) (*runtimev1.GetBulkStateResponse, error) {
	found, err := callerOf(ctx).bulkGetState(ctx, in.GetStoreName(), in.GetKeys(), in.GetMetadata(), int(in.GetParallelism()))
	if err != nil {
		return nil, err
	}
	resp := &runtimev1.GetBulkStateResponse{Items: make([]*runtimev1.BulkStateItem, len(found))}
	for i := range found {
		resp.Items[i] = &runtimev1.BulkStateItem{
			Key: found[i].Key, Data: found[i].Data, Etag: deref(found[i].ETag), Error: found[i].Error, Metadata: found[i].Metadata,
		}
	}
	return resp, nil
}

// DeleteState of the gRPC API.
func (front) DeleteState(ctx context.Context, in *runtimev1.DeleteStateRequest) (*emptypb.Empty, error) {
	req := state.DeleteRequest{Key: in.GetKey(), Metadata: in.GetMetadata(), ETag: etag(in.GetEtag())}
	if o := in.GetOptions(); o != nil {
		req.Options = state.DeleteStateOption{Concurrency: concurrency(o.GetConcurrency()), Consistency: consistency(o.GetConsistency())}
	}
	if err := callerOf(ctx).deleteState(ctx, in.GetStoreName(), &req); err != nil {
		return nil, err
	}
	return empty, nil
}

// DeleteBulkState of the gRPC API.
func (front) DeleteBulkState(ctx context.Context, in *runtimev1.DeleteBulkStateRequest) (*emptypb.Empty, error) {
	reqs := make([]state.DeleteRequest, len(in.GetStates()))
	for i, item := range in.GetStates() {
		reqs[i] = deleteRequest(item)
	}
	if err := callerOf(ctx).bulkDeleteState(ctx, in.GetStoreName(), reqs); err != nil {
		return nil, err
	}
	return empty, nil
}

// ExecuteStateTransaction of the gRPC API.
func (front) ExecuteStateTransaction(ctx context.Context, in *runtimev1.ExecuteStateTransactionRequest) (*emptypb.Empty, error) {
	ops := make([]operation, len(in.GetOperations()))
	for i, op := range in.GetOperations() {
		item := op.GetRequest()
		ops[i].kind = op.GetOperationType()
		switch state.OperationType(ops[i].kind) {
		case state.OperationUpsert:
			// In a transaction the value is bytes whatever its metadata says.
			ops[i].set = state.SetRequest{
				Key: item.GetKey(), Value: item.GetValue(), Metadata: item.GetMetadata(), ETag: etag(item.GetEtag()), Options: setOptions(item.GetOptions()),
			}
		case state.OperationDelete:
			ops[i].delete = deleteRequest(item)
		}
	}
	if err := callerOf(ctx).transact(ctx, in.GetStoreName(), ops, in.GetMetadata()); err != nil {
		return nil, err
	}
	return empty, nil
}

// QueryStateAlpha1 of the gRPC API.
func (front) QueryStateAlpha1(ctx context.Context, in *runtimev1.QueryStateRequest) (*runtimev1.QueryStateResponse, error) {
	found, err := callerOf(ctx).queryState(ctx, in.GetStoreName(), in.GetQuery(), in.GetMetadata())
	if err != nil {
		return nil, err
	}
	if len(found.Results) == 0 && found.Token == "" {
		return &runtimev1.QueryStateResponse{}, nil
	}
	resp := &runtimev1.QueryStateResponse{Results: make([]*runtimev1.QueryStateItem, len(found.Results)), Token: found.Token, Metadata: found.Metadata}
	for i := range found.Results {
		r := &found.Results[i]
		resp.Results[i] = &runtimev1.QueryStateItem{Key: r.Key, Data: r.Data, Etag: deref(r.ETag), Error: r.Error}
	}
	return resp, nil
}

func deleteRequest(item *commonv1.StateItem) state.DeleteRequest {
	req := state.DeleteRequest{Key: item.GetKey(), Metadata: item.GetMetadata(), ETag: etag(item.GetEtag())}
	if o := item.GetOptions(); o != nil {
		req.Options = state.DeleteStateOption{Concurrency: concurrency(o.GetConcurrency()), Consistency: consistency(o.GetConsistency())}
	}
	return req
}

func setOptions(o *commonv1.StateOptions) state.SetStateOption {
	if o == nil {
		return state.SetStateOption{}
	}
	return state.SetStateOption{Concurrency: concurrency(o.GetConcurrency()), Consistency: consistency(o.GetConsistency())}
}

// etag of a request; one without etag has none, an empty one is an etag.
func etag(e *commonv1.Etag) *string {
	if e == nil {
		return nil
	}
	return &e.Value
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
