package daprapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/dapr/components-contrib/state"
	"github.com/dapr/dapr/pkg/messages"
	"github.com/dapr/dapr/pkg/messages/errorcodes"
	"google.golang.org/grpc/codes"

	"github.com/weftmesh/weft/bindings/components"
)

// store finds a state store that the caller sees.
func (c *caller) store(name string) (*components.State, error) {
	if s := c.states[name]; s != nil {
		return s, nil
	}
	return nil, c.noStore(name)
}

// key is the key under which the store keeps the caller's key.
func (c *caller) key(s *components.State, store, key string) (string, error) {
	stored, err := s.Key(c.function, key)
	if err != nil {
		return "", badKey(store, key, err)
	}
	return stored, nil
}

// getState reads one key. The answer is never nil.
func (c *caller) getState(ctx context.Context, store, key string, req *state.GetRequest) (*state.GetResponse, error) {
	s, err := c.store(store)
	if err != nil {
		return nil, err
	}
	if req.Key, err = c.key(s, store, key); err != nil {
		return nil, err
	}
	resp, err := s.Store.Get(ctx, req)
	if err != nil {
		return nil, storeFault(err, errorcodes.StateGet, messages.ErrStateGet, key, store)
	}
	if resp == nil {
		resp = &state.GetResponse{}
	}
	return resp, nil
}

// bulkGetState reads keys; those of the answers are the caller's.
func (c *caller) bulkGetState(ctx context.Context, store string, keys []string, metadata map[string]string, parallelism int) ([]state.BulkGetResponse, error) {
	s, err := c.store(store)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	reqs := make([]state.GetRequest, len(keys))
	for i, key := range keys {
		reqs[i].Metadata = metadata
		if reqs[i].Key, err = c.key(s, store, key); err != nil {
			return nil, err
		}
	}
	found, err := s.Store.BulkGet(ctx, reqs, state.BulkGetOpts{Parallelism: parallelism})
	if err != nil {
		return nil, bulkGetFault(err)
	}
	for i := range found {
		found[i].Key = s.Trim(found[i].Key)
	}
	return found, nil
}

// saveState writes keys: one by Set, more by BulkSet, as daprd does. The
// requests have the caller's keys.
func (c *caller) saveState(ctx context.Context, store string, reqs []state.SetRequest) error {
	s, err := c.store(store)
	if err != nil {
		return err
	}
	for i := range reqs {
		if reqs[i].Key, err = c.key(s, store, reqs[i].Key); err != nil {
			return err
		}
	}
	switch len(reqs) {
	case 0:
	case 1:
		err = s.Store.Set(ctx, &reqs[0])
	default:
		err = bulkError(s.Store.BulkSet(ctx, reqs, state.BulkStoreOpts{}))
	}
	if err != nil {
		return storeFault(err, errorcodes.StateSave, messages.ErrStateSave, store)
	}
	return nil
}

// deleteState removes one key.
func (c *caller) deleteState(ctx context.Context, store string, req *state.DeleteRequest) error {
	s, err := c.store(store)
	if err != nil {
		return err
	}
	key := req.Key
	if req.Key, err = c.key(s, store, key); err != nil {
		return err
	}
	if err := s.Store.Delete(ctx, req); err != nil {
		return storeFault(err, errorcodes.StateDelete, messages.ErrStateDelete, key)
	}
	return nil
}

// bulkDeleteState removes keys.
func (c *caller) bulkDeleteState(ctx context.Context, store string, reqs []state.DeleteRequest) error {
	s, err := c.store(store)
	if err != nil {
		return err
	}
	for i := range reqs {
		if reqs[i].Key, err = c.key(s, store, reqs[i].Key); err != nil {
			return err
		}
	}
	switch len(reqs) {
	case 0:
	case 1:
		err = s.Store.Delete(ctx, &reqs[0])
	default:
		err = bulkError(s.Store.BulkDelete(ctx, reqs, state.BulkStoreOpts{}))
	}
	if err != nil {
		return storeFault(err, errorcodes.StateBulkDelete, messages.ErrStateDeleteBulk, store)
	}
	return nil
}

// operation of a transaction, with the caller's key. set or delete counts, by
// kind; a kind that is neither is a fault.
type operation struct {
	kind   string
	set    state.SetRequest
	delete state.DeleteRequest
}

// transactional finds a store that the caller sees and that has transactions.
func (c *caller) transactional(store string) (*components.State, state.TransactionalStore, error) {
	s, err := c.store(store)
	if err != nil {
		return nil, nil, err
	}
	t, ok := s.Store.(state.TransactionalStore)
	if !ok || !state.FeatureTransactional.IsPresent(s.Store.Features()) {
		return nil, nil, noTransactions(store)
	}
	return s, t, nil
}

// transact does all of the operations or none.
func (c *caller) transact(ctx context.Context, store string, ops []operation, metadata map[string]string) error {
	s, t, err := c.transactional(store)
	if err != nil || len(ops) == 0 {
		return err
	}
	req := &state.TransactionalStateRequest{Operations: make([]state.TransactionalStateOperation, 0, len(ops)), Metadata: metadata}
	for i := range ops {
		op := &ops[i]
		switch state.OperationType(op.kind) {
		case state.OperationUpsert:
			if op.set.Key, err = c.key(s, store, op.set.Key); err != nil {
				return err
			}
			req.Operations = append(req.Operations, op.set)
		case state.OperationDelete:
			if op.delete.Key, err = c.key(s, store, op.delete.Key); err != nil {
				return err
			}
			req.Operations = append(req.Operations, op.delete)
		default:
			return unknownOperation(op.kind)
		}
	}
	if limited, ok := s.Store.(state.TransactionalStoreMultiMaxSize); ok {
		if limit := limited.MultiMaxSize(); limit > 0 && len(req.Operations) > limit {
			return tooManyOperations(store, len(req.Operations), limit)
		}
	}
	if err := t.Multi(ctx, req); err != nil {
		// daprd tells no etag mismatch apart here.
		return basic(codes.Internal, http.StatusInternalServerError, errorcodes.StateTransaction,
			fmt.Sprintf(messages.ErrStateTransaction, err.Error()))
	}
	return nil
}

// queryState finds values by a query in Dapr's form; keys of the answer are the
// caller's.
func (c *caller) queryState(ctx context.Context, store, query string, metadata map[string]string) (*state.QueryResponse, error) {
	s, err := c.store(store)
	if err != nil {
		return nil, err
	}
	q, ok := s.Store.(state.Querier)
	if !ok {
		return nil, noQueries(store)
	}
	req := state.QueryRequest{Metadata: metadata}
	if err := json.Unmarshal([]byte(query), &req.Query); err != nil {
		return nil, queryFault(store, fmt.Errorf("failed to parse JSON query body: %w", err))
	}
	resp, err := q.Query(ctx, &req)
	if err != nil {
		return nil, queryFault(store, err)
	}
	if resp == nil {
		resp = &state.QueryResponse{}
	}
	// A query goes over all that the store holds, other meshes' keys too.
	resp.Results = slices.DeleteFunc(resp.Results, func(item state.QueryItem) bool { return !s.Owns(c.function, item.Key) })
	for i := range resp.Results {
		resp.Results[i].Key = s.Trim(resp.Results[i].Key)
	}
	return resp, nil
}
