package dapr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/unary"
)

// parallel bounds how many keys of one call a store without bulk reads looks
// up at the same time.
const parallel = 16

// Backend is a Dapr API.
type Backend struct {
	client *unary.Client
	token  string
	kinds  kinds
}

var _ component.Backend = (*Backend)(nil)

// Close ends the connection.
func (b *Backend) Close() error { return b.client.Close() }

const service = "/dapr.proto.runtime.v1.Dapr/"

// call makes one call of the API.
func (b *Backend) call(ctx context.Context, method string, m message) ([]byte, error) {
	return b.client.Call(ctx, method, b.header(ctx), m)
}

// Get reads one key with GetState and several with GetBulkState.
func (b *Backend) Get(ctx context.Context, store string, keys []string) ([]component.Record, error) {
	if len(keys) == 1 {
		r, err := b.get(ctx, store, keys[0])
		if err != nil {
			return nil, stateError(store, "get "+strconv.Quote(keys[0]), err)
		}
		return []component.Record{r}, nil
	}
	m := make(message, 0, 64+32*len(keys)).text(1, store)
	for _, k := range keys {
		m = m.inner(2, message(k))
	}
	answer, err := b.call(ctx, service+"GetBulkState", m.number(3, parallel))
	what := fmt.Sprintf("get %d keys", len(keys))
	if err != nil {
		return nil, stateError(store, what, err)
	}
	found := make(map[string]component.Record, len(keys))
	err = fields(answer, func(field protowire.Number, value []byte) error {
		if field != 1 {
			return nil
		}
		i, err := readBulkItem(value)
		if err == nil && i.fault != "" {
			what, err = "get "+strconv.Quote(i.key), storeFault(i.fault)
		}
		found[i.key] = record(i.key, i.data, i.etag)
		return err
	})
	if err != nil {
		return nil, stateError(store, what, err)
	}
	records := make([]component.Record, len(keys))
	for i, k := range keys {
		records[i] = found[k]
		records[i].Key = k
	}
	return records, nil
}

func (b *Backend) get(ctx context.Context, store, key string) (component.Record, error) {
	m := make(message, 0, len(store)+len(key)+16).text(1, store).text(2, key).number(3, strong)
	answer, err := b.call(ctx, service+"GetState", m)
	if err != nil {
		return component.Record{}, err
	}
	var data []byte
	var etag string
	err = fields(answer, func(field protowire.Number, value []byte) error {
		switch field {
		case 1:
			data = value
		case 2:
			etag = string(value)
		}
		return nil
	})
	return record(key, data, etag), err
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
	switch len(writes) {
	case 0:
		return nil
	case 1:
		return b.one(ctx, store, writes[0], redis)
	}
	size := 64
	for _, w := range writes {
		size += len(w.Key) + len(w.Value) + 64
	}
	m := make(message, 0, size).text(1, store)
	for _, w := range writes {
		kind := "upsert"
		if w.Delete {
			kind = "delete"
		}
		m = m.inner(2, message(nil).text(1, kind).inner(2, item(w, redis)))
	}
	if _, err := b.call(ctx, service+"ExecuteStateTransaction", m); err != nil {
		return stateError(store, fmt.Sprintf("transaction of %d writes", len(writes)), err)
	}
	return nil
}

func (b *Backend) one(ctx context.Context, store string, w component.Write, redis bool) error {
	what, method := "set ", service+"SaveState"
	m := make(message, 0, len(store)+len(w.Key)+len(w.Value)+64).text(1, store)
	if w.Delete {
		what, method = "delete ", service+"DeleteState"
		etag, concurrency := how(w, redis)
		m = m.text(2, w.Key).etag(3, etag).options(4, concurrency)
	} else {
		m = m.inner(2, item(w, redis))
	}
	if _, err := b.call(ctx, method, m); err != nil {
		return stateError(store, what+strconv.Quote(w.Key), err)
	}
	return nil
}

// Publish puts a message on a topic with PublishEvent.
func (b *Backend) Publish(ctx context.Context, p component.Message) error {
	m := make(message, 0, len(p.Data)+len(p.Topic)+128).text(1, p.Component).text(2, p.Topic).
		bytes(3, p.Data).text(4, p.ContentType).pairs(5, p.Metadata)
	if _, err := b.call(ctx, service+"PublishEvent", m); err != nil {
		return pubsubError(p.Component, p.Topic, err)
	}
	return nil
}

// Invoke calls a binding with InvokeBinding.
func (b *Backend) Invoke(ctx context.Context, i component.Invocation) (component.Reply, error) {
	m := make(message, 0, len(i.Data)+128).text(1, i.Name).bytes(2, i.Data).pairs(3, i.Metadata).text(4, i.Operation)
	answer, err := b.call(ctx, service+"InvokeBinding", m)
	var reply component.Reply
	if err == nil {
		err = fields(answer, func(field protowire.Number, value []byte) error {
			switch field {
			case 1:
				reply.Data = value
			case 2:
				return pair(value, &reply.Metadata)
			}
			return nil
		})
	}
	if err != nil {
		return component.Reply{}, bindingError(i.Name, i.Operation, err)
	}
	return reply, nil
}

// Secret reads a secret with GetSecret.
func (b *Backend) Secret(ctx context.Context, store, key string) (map[string]string, error) {
	answer, err := b.call(ctx, service+"GetSecret", message(nil).text(1, store).text(2, key))
	var values map[string]string
	if err == nil {
		err = fields(answer, func(field protowire.Number, value []byte) error {
			if field == 1 {
				return pair(value, &values)
			}
			return nil
		})
	}
	if err != nil {
		return nil, secretError(store, key, err)
	}
	return values, nil
}
