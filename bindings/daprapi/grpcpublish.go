package daprapi

import (
	"context"
	"maps"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// PublishEvent of the gRPC API.
func (front) PublishEvent(ctx context.Context, in *runtimev1.PublishEventRequest) (*emptypb.Empty, error) {
	c := callerOf(ctx)
	t := topic{in.GetPubsubName(), in.GetTopic()}
	p, raw, err := c.target(t, in.GetMetadata(), nil)
	if err != nil {
		return nil, err
	}
	m := message{data: in.GetData(), contentType: in.GetDataContentType(), metadata: in.GetMetadata(), trace: traceOf(ctx)}
	if m.data == nil {
		m.data = []byte{}
	}
	if raw {
		// A raw message has its trace beside it; over HTTP daprd gives it none.
		m.metadata = maps.Clone(m.metadata)
		m.metadata["traceid"], m.metadata["tracestate"] = m.trace.parent, m.trace.state
	}
	if err := c.publish(ctx, p, t, raw, m); err != nil {
		return nil, err
	}
	return empty, nil
}

// BulkPublishEvent of the gRPC API.
func (front) BulkPublishEvent(ctx context.Context, in *runtimev1.BulkPublishRequest) (*runtimev1.BulkPublishResponse, error) {
	c := callerOf(ctx)
	t := topic{in.GetPubsubName(), in.GetTopic()}
	p, raw, err := c.target(t, in.GetMetadata(), nil)
	if err != nil {
		return nil, err
	}
	entries := make([]bulkEntry, len(in.GetEntries()))
	for i, e := range in.GetEntries() {
		entries[i] = bulkEntry{id: e.GetEntryId(), contentType: e.GetContentType(), event: e.GetEvent(), metadata: e.GetMetadata()}
	}
	failed, err := c.bulkPublish(ctx, p, t, raw, entries, in.GetMetadata(), traceOf(ctx))
	if err != nil {
		return nil, err
	}
	resp := &runtimev1.BulkPublishResponse{}
	for _, f := range failed {
		e := &runtimev1.BulkPublishResponseFailedEntry{EntryId: f.EntryId}
		if f.Error != nil {
			e.Error = f.Error.Error()
		}
		resp.FailedEntries = append(resp.FailedEntries, e)
	}
	return resp, nil
}

// BulkPublishEventAlpha1 of the gRPC API is what BulkPublishEvent was called
// before.
func (f front) BulkPublishEventAlpha1(ctx context.Context, in *runtimev1.BulkPublishRequest) (*runtimev1.BulkPublishResponse, error) {
	return f.BulkPublishEvent(ctx, in)
}

// SubscribeTopicEventsAlpha1 of the gRPC API: topics that the caller takes on a
// stream.
func (front) SubscribeTopicEventsAlpha1(s runtimev1.Dapr_SubscribeTopicEventsAlpha1Server) error {
	c := callerOf(s.Context())
	if c.api.topics == nil {
		return status.Error(codes.Unimplemented, "SubscribeTopicEventsAlpha1 is not served: there are no topics")
	}
	return c.api.topics.Stream(c.function, s)
}
