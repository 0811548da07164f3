package components

import (
	"context"
	"sync"
	"time"
)

// mqttIDs are the client ids that this process has sessions for. A server ends
// the connection of a client when another comes with its id; the client connects
// again, and so they go on. When a mesh is read again, the generation that comes
// wants a session that the one before has: it waits for that to end, and after
// takeOver asks for it.
var mqttIDs = &idHolders{holders: make(map[string]*idHolder)}

type idHolders struct {
	mu      sync.Mutex
	holders map[string]*idHolder
}

// idHolder has an id until it calls done, soon after asked closes.
type idHolder struct {
	asked, ended chan struct{}
	ask, done    func()
}

// enter waits for an id, for patience until its holder is asked for it.
func (h *idHolders) enter(ctx context.Context, closed <-chan struct{}, id string, patience time.Duration) (*idHolder, error) {
	for {
		before, me := h.try(id)
		if me != nil {
			return me, nil
		}
		asking := time.AfterFunc(patience, before.ask)
		select {
		case <-before.ended:
			asking.Stop()
		case <-ctx.Done():
			asking.Stop()
			return nil, ctx.Err()
		case <-closed:
			asking.Stop()
			return nil, errBusClosed
		}
	}
}

// try takes an id that no one has, or tells who has it.
func (h *idHolders) try(id string) (before, me *idHolder) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if before = h.holders[id]; before != nil {
		return before, nil
	}
	me = &idHolder{asked: make(chan struct{}), ended: make(chan struct{})}
	me.ask = sync.OnceFunc(func() { close(me.asked) })
	me.done = sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.holders, id)
		close(me.ended)
	})
	h.holders[id] = me
	return nil, me
}
