// Package daprserver serves a Backend over the Dapr API, with the codes and
// words of daprd: tests of clients run against it, and fntest/sdktest lets
// handlers do so that use dapr/go-sdk themselves.
package daprserver

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	commonv1 "github.com/dapr/dapr/pkg/proto/common/v1"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/weftmesh/weft/runtime/internal/component"
)

// Register serves state, publishing, output bindings and secrets of what
// backend returns, which is asked at each call. Everything else of the API is Unimplemented.
func Register(s *grpc.Server, backend func() component.Backend) {
	runtimev1.RegisterDaprServer(s, &server{backend: backend})
}

type server struct {
	runtimev1.UnimplementedDaprServer
	backend func() component.Backend
}

// fault answers err with a code, as daprd does: where the component is not
// found notFound's, and in general otherwise's.
func fault(err error, notFound, otherwise codes.Code, missing, text string) error {
	var e *component.Error
	if !errors.As(err, &e) {
		return status.Error(otherwise, text+err.Error())
	}
	switch e.Kind {
	case component.ErrNotDeclared:
		return status.Error(notFound, missing)
	case component.ErrConflict:
		return status.Error(codes.Aborted, text+"possible etag mismatch. error from state store")
	case component.ErrTooLarge:
		return status.Error(codes.ResourceExhausted, "grpc: received message larger than max")
	case component.ErrDenied:
		return status.Error(codes.PermissionDenied, text+"not allowed")
	case component.ErrUnsupported:
		return status.Error(codes.Unimplemented, text+"not supported")
	case component.ErrUnavailable:
		return status.Error(codes.Unavailable, text+"unavailable")
	case component.ErrNotFound:
		return status.Error(otherwise, text+"not found")
	}
	if s := status.FromContextError(e.Err); s.Code() != codes.Unknown {
		return s.Err()
	}
	if e.Err == nil {
		return status.Error(otherwise, strings.TrimSuffix(text, ": "))
	}
	return status.Error(otherwise, text+e.Err.Error())
}

func stateFault(store string, err error) error {
	return fault(err, codes.InvalidArgument, codes.Internal, fmt.Sprintf("state store %s is not found", store), fmt.Sprintf("failed in state store %s: ", store))
}

func (s *server) GetState(ctx context.Context, r *runtimev1.GetStateRequest) (*runtimev1.GetStateResponse, error) {
	records, err := s.backend().Get(ctx, r.GetStoreName(), []string{r.GetKey()})
	if err != nil {
		return nil, stateFault(r.GetStoreName(), err)
	}
	return &runtimev1.GetStateResponse{Data: records[0].Value, Etag: records[0].ETag}, nil
}

func (s *server) GetBulkState(ctx context.Context, r *runtimev1.GetBulkStateRequest) (*runtimev1.GetBulkStateResponse, error) {
	records, err := s.backend().Get(ctx, r.GetStoreName(), r.GetKeys())
	if err != nil {
		return nil, stateFault(r.GetStoreName(), err)
	}
	answer := &runtimev1.GetBulkStateResponse{}
	for _, record := range records {
		answer.Items = append(answer.Items, &runtimev1.BulkStateItem{Key: record.Key, Data: record.Value, Etag: record.ETag})
	}
	return answer, nil
}

// write reads an item as the stores of components-contrib do: an etag counts
// whatever the concurrency, and first-write without one means a new key.
func write(i *commonv1.StateItem) (component.Write, error) {
	w := component.Write{Key: i.GetKey(), Value: i.GetValue(), ETag: i.GetEtag().GetValue()}
	if w.Key == "" {
		return w, status.Error(codes.InvalidArgument, "state key cannot be empty")
	}
	w.Create = w.ETag == "" && i.GetOptions().GetConcurrency() == commonv1.StateOptions_CONCURRENCY_FIRST_WRITE
	if ttl := i.GetMetadata()["ttlInSeconds"]; ttl != "" {
		n, err := strconv.Atoi(ttl)
		if err != nil {
			return w, status.Errorf(codes.Internal, "failed saving state: %v", err)
		}
		w.TTL = time.Duration(max(n, 0)) * time.Second
	}
	return w, nil
}

func (s *server) SaveState(ctx context.Context, r *runtimev1.SaveStateRequest) (*emptypb.Empty, error) {
	for _, i := range r.GetStates() {
		w, err := write(i)
		if err != nil {
			return nil, err
		}
		if err := s.backend().Apply(ctx, r.GetStoreName(), []component.Write{w}); err != nil {
			return nil, stateFault(r.GetStoreName(), err)
		}
	}
	return &emptypb.Empty{}, nil
}

func (s *server) DeleteState(ctx context.Context, r *runtimev1.DeleteStateRequest) (*emptypb.Empty, error) {
	w := component.Write{Key: r.GetKey(), ETag: r.GetEtag().GetValue(), Delete: true}
	if err := s.backend().Apply(ctx, r.GetStoreName(), []component.Write{w}); err != nil {
		return nil, stateFault(r.GetStoreName(), err)
	}
	return &emptypb.Empty{}, nil
}

func (s *server) DeleteBulkState(ctx context.Context, r *runtimev1.DeleteBulkStateRequest) (*emptypb.Empty, error) {
	for _, i := range r.GetStates() {
		w := component.Write{Key: i.GetKey(), ETag: i.GetEtag().GetValue(), Delete: true}
		if err := s.backend().Apply(ctx, r.GetStoreName(), []component.Write{w}); err != nil {
			return nil, stateFault(r.GetStoreName(), err)
		}
	}
	return &emptypb.Empty{}, nil
}

// ExecuteStateTransaction answers a mismatch Internal, which is what daprd
// does with whatever a store says of a transaction.
func (s *server) ExecuteStateTransaction(ctx context.Context, r *runtimev1.ExecuteStateTransactionRequest) (*emptypb.Empty, error) {
	var writes []component.Write
	for _, op := range r.GetOperations() {
		w, err := write(op.GetRequest())
		if err != nil {
			return nil, err
		}
		w.Delete = op.GetOperationType() == "delete"
		writes = append(writes, w)
	}
	err := s.backend().Apply(ctx, r.GetStoreName(), writes)
	if errors.Is(err, component.ErrConflict) {
		return nil, status.Error(codes.Internal, "error while executing state transaction: possible etag mismatch. error from state store")
	}
	if err != nil {
		return nil, stateFault(r.GetStoreName(), err)
	}
	return &emptypb.Empty{}, nil
}

func (s *server) PublishEvent(ctx context.Context, r *runtimev1.PublishEventRequest) (*emptypb.Empty, error) {
	m := component.Message{Component: r.GetPubsubName(), Topic: r.GetTopic(), ContentType: r.GetDataContentType(), Data: r.GetData(), Metadata: r.GetMetadata()}
	if err := s.publish(ctx, m); err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, nil
}

func (s *server) publish(ctx context.Context, m component.Message) error {
	if m.ContentType == "" {
		m.ContentType = "text/plain" // as pkg/runtime/pubsub of daprd fills it in
	}
	if err := s.backend().Publish(ctx, m); err != nil {
		return fault(err, codes.InvalidArgument, codes.Internal, fmt.Sprintf("pubsub %s is not found", m.Component),
			fmt.Sprintf("error when publishing to topic %s in pubsub %s: ", m.Topic, m.Component))
	}
	return nil
}

func (s *server) BulkPublishEvent(ctx context.Context, r *runtimev1.BulkPublishRequest) (*runtimev1.BulkPublishResponse, error) {
	answer := &runtimev1.BulkPublishResponse{}
	for _, e := range r.GetEntries() {
		m := component.Message{Component: r.GetPubsubName(), Topic: r.GetTopic(), ContentType: e.GetContentType(), Data: e.GetEvent(), Metadata: e.GetMetadata()}
		if err := s.publish(ctx, m); err != nil {
			answer.FailedEntries = append(answer.FailedEntries, &runtimev1.BulkPublishResponseFailedEntry{EntryId: e.GetEntryId(), Error: err.Error()})
		}
	}
	return answer, nil
}

func (s *server) InvokeBinding(ctx context.Context, r *runtimev1.InvokeBindingRequest) (*runtimev1.InvokeBindingResponse, error) {
	reply, err := s.backend().Invoke(ctx, component.Invocation{Name: r.GetName(), Operation: r.GetOperation(), Data: r.GetData(), Metadata: r.GetMetadata()})
	if err != nil {
		text := fmt.Sprintf("error invoking output binding %s: ", r.GetName())
		return nil, fault(err, codes.Internal, codes.Internal, text+"couldn't find output binding "+r.GetName(), text)
	}
	return &runtimev1.InvokeBindingResponse{Data: reply.Data, Metadata: reply.Metadata}, nil
}

func (s *server) GetSecret(ctx context.Context, r *runtimev1.GetSecretRequest) (*runtimev1.GetSecretResponse, error) {
	values, err := s.backend().Secret(ctx, r.GetStoreName(), r.GetKey())
	if err != nil {
		return nil, fault(err, codes.InvalidArgument, codes.Internal, "failed finding secret store with key "+r.GetStoreName(),
			fmt.Sprintf("failed getting secret with key %s from secret store %s: ", r.GetKey(), r.GetStoreName()))
	}
	return &runtimev1.GetSecretResponse{Data: values}, nil
}
