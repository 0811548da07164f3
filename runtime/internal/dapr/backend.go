package dapr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"

	"github.com/weftmesh/weft/runtime/internal/component"
)

// parallel bounds how many keys of one call a store without bulk reads looks
// up at the same time.
const parallel = 16

// Backend is a Dapr API.
type Backend struct {
	conn  *grpc.ClientConn
	sdk   client.Client
	kinds kinds
}

var _ component.Backend = (*Backend)(nil)

// Close ends the connection.
func (b *Backend) Close() error { return b.conn.Close() }

// Get reads one key with GetState and several with GetBulkState.
func (b *Backend) Get(ctx context.Context, store string, keys []string) ([]component.Record, error) {
	if len(keys) == 1 {
		item, err := b.sdk.GetState(ctx, store, keys[0], nil)
		if err != nil {
			return nil, stateError(store, "get "+strconv.Quote(keys[0]), err)
		}
		return []component.Record{record(keys[0], item.Value, item.Etag)}, nil
	}
	what := fmt.Sprintf("get %d keys", len(keys))
	items, err := b.sdk.GetBulkState(ctx, store, keys, nil, parallel)
	if err != nil {
		return nil, stateError(store, what, err)
	}
	found := make(map[string]component.Record, len(items))
	for _, item := range items {
		if item.Error != "" {
			return nil, stateError(store, "get "+strconv.Quote(item.Key), storeFault(item.Error))
		}
		found[item.Key] = record(item.Key, item.Value, item.Etag)
	}
	records := make([]component.Record, len(keys))
	for i, k := range keys {
		records[i] = found[k]
		records[i].Key = k
	}
	return records, nil
}

// record of what a store answered. A key that does not exist has neither value
// nor etag (the Dapr state API, "Get state").
func record(key string, value []byte, etag string) component.Record {
	return component.Record{Key: key, Value: value, ETag: etag, Found: len(value) > 0 || etag != ""}
}

// Apply makes one write with SaveState or DeleteState, and several with
// ExecuteStateTransaction.
func (b *Backend) Apply(ctx context.Context, store string, writes []component.Write) error {
	creates := slices.ContainsFunc(writes, func(w component.Write) bool { return w.Create })
	redis := creates && b.redis(ctx, store)
	err := b.apply(ctx, store, writes, redis)
	if redis && errors.Is(err, component.ErrConflict) {
		b.forget()
	}
	return err
}

func (b *Backend) apply(ctx context.Context, store string, writes []component.Write, redis bool) error {
	ops := make([]*client.StateOperation, len(writes))
	for i, w := range writes {
		ops[i] = &client.StateOperation{Type: client.StateOperationTypeUpsert, Item: item(w, redis)}
		if w.Delete {
			ops[i].Type = client.StateOperationTypeDelete
		}
	}
	switch len(ops) {
	case 0:
		return nil
	case 1:
		return b.one(ctx, store, ops[0])
	}
	if err := b.sdk.ExecuteStateTransaction(ctx, store, nil, ops); err != nil {
		return stateError(store, fmt.Sprintf("transaction of %d writes", len(writes)), err)
	}
	return nil
}

func (b *Backend) one(ctx context.Context, store string, op *client.StateOperation) error {
	what, i := "set ", op.Item
	var err error
	if op.Type == client.StateOperationTypeDelete {
		what = "delete "
		err = b.sdk.DeleteStateWithETag(ctx, store, i.Key, i.Etag, nil, i.Options)
	} else {
		err = b.sdk.SaveBulkState(ctx, store, i)
	}
	if err != nil {
		return stateError(store, what+strconv.Quote(i.Key), err)
	}
	return nil
}

// item of a write. An etag goes without a concurrency mode: with last-write,
// state.redis does not compare it.
func item(w component.Write, redis bool) *client.SetStateItem {
	i := &client.SetStateItem{
		Key: w.Key, Value: w.Value,
		Options: &client.StateOptions{Consistency: client.StateConsistencyStrong, Concurrency: client.StateConcurrencyLastWrite},
	}
	etag := w.ETag
	if w.Create && redis {
		etag = absent
	}
	switch {
	case etag != "":
		i.Etag = &client.ETag{Value: etag}
		i.Options.Concurrency = client.StateConcurrencyUndefined
	case w.Create:
		i.Options.Concurrency = client.StateConcurrencyFirstWrite
	}
	if w.TTL > 0 {
		i.Metadata = map[string]string{"ttlInSeconds": strconv.FormatInt(seconds(w.TTL), 10)}
	}
	return i
}

// seconds of a duration, rounded up: nothing expires too early.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// Publish puts a message on a topic with PublishEvent.
func (b *Backend) Publish(ctx context.Context, m component.Message) error {
	opts := []client.PublishEventOption{client.PublishEventWithContentType(m.ContentType)}
	if len(m.Metadata) > 0 {
		opts = append(opts, client.PublishEventWithMetadata(m.Metadata))
	}
	if err := b.sdk.PublishEvent(ctx, m.Component, m.Topic, m.Data, opts...); err != nil {
		return pubsubError(m.Component, m.Topic, err)
	}
	return nil
}

// Invoke calls a binding with InvokeBinding.
func (b *Backend) Invoke(ctx context.Context, i component.Invocation) (component.Reply, error) {
	out, err := b.sdk.InvokeBinding(ctx, &client.InvokeBindingRequest{Name: i.Name, Operation: i.Operation, Data: i.Data, Metadata: i.Metadata})
	if err != nil {
		return component.Reply{}, bindingError(i.Name, i.Operation, err)
	}
	return component.Reply{Data: out.Data, Metadata: out.Metadata}, nil
}

// Secret reads a secret with GetSecret.
func (b *Backend) Secret(ctx context.Context, store, key string) (map[string]string, error) {
	values, err := b.sdk.GetSecret(ctx, store, key, nil)
	if err != nil {
		return nil, secretError(store, key, err)
	}
	return values, nil
}
