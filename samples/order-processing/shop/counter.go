package shop

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weftmesh/weft/runtime/state"
)

var (
	stocks    = state.Of[Stock](StateStore)
	customers = state.Of[Customer](StateStore)
	decisions = state.Of[Decision](StateStore)
)

// Bounds of what is decided together.
const (
	maxTogether = 128
	maxLines    = 512
	maxTime     = 10 * time.Second
)

// Counter decides orders. All orders want the same few articles, and each of
// them would wait for the stores' answers to the one before it: so those that
// arrive meanwhile are decided together, in as many calls as a single one.
//
// The zero value is ready to use. It is safe for concurrent use, and so is
// deciding in several processes.
type Counter struct {
	mu      sync.Mutex
	waiting []*request
	turn    chan struct{} // holds an element while someone decides
}

type request struct {
	order    Order
	decision Decision
	err      error
	done     chan struct{}
}

// Decide checks an order, which has an id and is complete, and reserves its
// items if all are in stock: both or neither. The first decision on an order id
// stands: asked again, as after a redelivery, it answers the same and reserves
// nothing.
func (c *Counter) Decide(ctx context.Context, o Order) (Decision, error) {
	r := &request{order: o, done: make(chan struct{})}
	c.mu.Lock()
	if c.turn == nil {
		c.turn = make(chan struct{}, 1)
	}
	c.waiting = append(c.waiting, r)
	c.mu.Unlock()
	for {
		select {
		case <-r.done:
			return r.decision, r.err
		case <-ctx.Done():
			// Whoever has the turn next may decide it all the same.
			return Decision{}, fmt.Errorf("order %s: %w", o.OrderID, ctx.Err())
		case c.turn <- struct{}{}:
			c.serve(ctx)
			<-c.turn
		}
	}
}

// serve decides what is waiting.
func (c *Counter) serve(ctx context.Context) {
	batch := c.take()
	if len(batch) == 0 {
		return
	}
	// The others do not fail because the caller who has the turn gives up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxTime)
	defer cancel()
	orders := make([]Order, len(batch))
	for i, r := range batch {
		orders[i] = r.order
	}
	decided, err := decideAll(ctx, orders)
	for _, r := range batch {
		r.decision, r.err = decided[r.order.OrderID], err
		close(r.done)
	}
}

func (c *Counter) take() []*request {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, lines := 0, 0
	for n < min(len(c.waiting), maxTogether) && (n == 0 || lines+len(c.waiting[n].order.Items) <= maxLines) {
		lines += len(c.waiting[n].order.Items)
		n++
	}
	batch := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	if len(c.waiting) == 0 {
		c.waiting = nil
	}
	return batch
}

// decideAll decides orders and returns the decisions by order id. It does so in
// two steps: it sets pieces aside, then it files the decisions. A store may
// carry out the one and not the other, and even a part of the first (Redis has
// no rollback): then the orders come again, and what is set aside for them is
// found.
func decideAll(ctx context.Context, orders []Order) (map[string]Decision, error) {
	decided, fresh, err := setAside(ctx, orders)
	if err != nil {
		return nil, fmt.Errorf("setting aside: %w", err)
	}
	if len(fresh) > 0 {
		if err = file(ctx, decided, fresh); err != nil {
			return nil, fmt.Errorf("filing decisions: %w", err)
		}
	}
	return decided, nil
}

// setAside returns decisions by order id, those that are filed already among
// them, and the keys of those that are not.
func setAside(ctx context.Context, orders []Order) (decided map[string]Decision, fresh []string, err error) {
	keys := make([]string, 0, 2*len(orders))
	for _, o := range orders {
		keys = append(keys, customerKey(o.CustomerID))
		for _, item := range o.Items {
			keys = append(keys, stockKey(item.SKU))
		}
	}
	err = state.Transaction(ctx, StateStore, keys, func(tx *state.Tx) error {
		shelf, err := load(tx, orders)
		if err != nil {
			return err
		}
		// The decisions are read after the stock: an order that the stock has
		// forgotten has its decision filed.
		filed, err := find(ctx, orders, shelf)
		if err != nil {
			return err
		}
		for _, s := range shelf {
			s.settle(filed)
		}
		decided, fresh = make(map[string]Decision, len(orders)), nil
		for _, o := range orders {
			if d, ok := filed[o.OrderID]; ok {
				decided[o.OrderID] = d
			} else if _, twice := decided[o.OrderID]; !twice {
				c, known, err := findCustomer(tx, o.CustomerID)
				if err != nil {
					return err
				}
				decided[o.OrderID] = Decide(o, c, known, shelf)
				fresh = append(fresh, orderKey(o.OrderID))
			}
		}
		return save(tx, shelf)
	})
	return decided, fresh, err
}

// load reads the stock of all items, by SKU; from the catalogue what the store
// does not know.
func load(tx *state.Tx, orders []Order) (map[string]*Stock, error) {
	shelf := make(map[string]*Stock)
	for _, o := range orders {
		for _, item := range o.Items {
			if shelf[item.SKU] != nil {
				continue
			}
			s, found, err := stocks.In(tx).Get(stockKey(item.SKU))
			if err != nil {
				return nil, err
			}
			if !found {
				s.Available = OpeningStock(item.SKU)
			}
			shelf[item.SKU] = &s
		}
	}
	return shelf, nil
}

func save(tx *state.Tx, shelf map[string]*Stock) error {
	for sku, s := range shelf {
		if s.changed {
			if err := stocks.In(tx).Set(stockKey(sku), *s); err != nil {
				return err
			}
		}
	}
	return nil
}

// findCustomer looks a customer up; one from the catalogue is put into the
// store.
func findCustomer(tx *state.Tx, id string) (Customer, bool, error) {
	c, found, err := customers.In(tx).Get(customerKey(id))
	if err != nil || found {
		return c, found, err
	}
	if c, found = KnownCustomer(id); found {
		err = customers.In(tx).Set(customerKey(id), c)
	}
	return c, found, err
}

// find reads the decisions that are filed on the orders, and on those for which
// the stock holds something, by order id.
func find(ctx context.Context, orders []Order, shelf map[string]*Stock) (map[string]Decision, error) {
	ids := make(map[string]bool, 2*len(orders))
	for _, o := range orders {
		ids[orderKey(o.OrderID)] = true
	}
	for _, s := range shelf {
		for id := range s.Held {
			ids[orderKey(id)] = true
		}
	}
	values, err := decisions.GetMany(ctx, slices.Collect(maps.Keys(ids))...)
	if err != nil {
		return nil, err
	}
	filed := make(map[string]Decision, len(values))
	for _, d := range values {
		filed[d.OrderID] = d
	}
	return filed, nil
}

// file files fresh decisions, by key, unless there is one on the same order
// meanwhile: decided then has the one that was first.
func file(ctx context.Context, decided map[string]Decision, fresh []string) error {
	return state.Transaction(ctx, StateStore, fresh, func(tx *state.Tx) error {
		for _, key := range fresh {
			id := strings.TrimPrefix(key, orderKey(""))
			first, found, err := decisions.In(tx).Get(key)
			if err != nil {
				return err
			}
			if found {
				decided[id] = first
			} else if err := decisions.In(tx).Set(key, decided[id]); err != nil {
				return err
			}
		}
		return nil
	})
}
