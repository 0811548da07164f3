package daprapi

import (
	"context"

	"github.com/dapr/components-contrib/state"
	"github.com/dapr/dapr/pkg/messages"
	"github.com/dapr/dapr/pkg/messages/errorcodes"

	"github.com/weftmesh/weft/bindings/components"
)

// store finds a state store that the caller sees.
func (c *caller) store(name string) (*components.State, error) {
	if s := c.states[name]; s != nil {
		return s, nil
	}
	return nil, c.noStore(name)
}

// getState reads one key. The answer is never nil.
func (c *caller) getState(ctx context.Context, store, key string, req *state.GetRequest) (*state.GetResponse, error) {
	s, err := c.store(store)
	if err != nil {
		return nil, err
	}
	if req.Key, err = s.Key(c.function, key); err != nil {
		return nil, badKey(store, key, err)
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

// saveState writes keys: one by Set, more by BulkSet, as daprd does.
func (c *caller) saveState(ctx context.Context, store string, reqs []state.SetRequest) error {
	s, err := c.store(store)
	if err != nil {
		return err
	}
	for i := range reqs {
		key := reqs[i].Key
		if reqs[i].Key, err = s.Key(c.function, key); err != nil {
			return badKey(store, key, err)
		}
	}
	switch len(reqs) {
	case 0:
		return nil
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
