// Package counter decides orders.
package counter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/weftmesh/weft/runtime/state"
	"github.com/weftmesh/weft/samples/order-processing/internal/together"
	"github.com/weftmesh/weft/samples/order-processing/shop"
)

var (
	stocks    = state.Of[shop.Stock](shop.StateStore)
	customers = state.Of[shop.Customer](shop.StateStore)
	decisions = state.Of[shop.Decision](shop.StateStore)
)

// Counter decides orders. All orders want the same few articles, and each would
// wait for the store's answers to the one before it: so it decides together
// what comes together, with three calls of the store. It is safe for concurrent
// use, and several processes may decide.
type Counter struct {
	orders *together.Group[shop.Order, shop.Decision]
	// customers that have been read: they hardly change.
	customers *together.Recent[shop.Customer]
	// filed are decisions, by order id, that this counter knows to be filed.
	// They never change.
	filed *together.Recent[shop.Decision]
	// held are the ids of the orders for which stock was set aside when it was
	// last seen, by SKU.
	held map[string][]string
}

// New returns a counter.
func New() *Counter {
	c := &Counter{customers: together.NewRecent[shop.Customer](), filed: together.NewRecent[shop.Decision](), held: make(map[string][]string)}
	c.orders = together.New(c.decide)
	return c
}

// Decide checks an order, which has an id and is complete, and reserves its
// items if all are in stock: both or neither. The first decision on an order id
// stands: asked again, as after a redelivery, it answers the same and reserves
// nothing.
func (c *Counter) Decide(ctx context.Context, o shop.Order) (shop.Decision, error) {
	d, err := c.orders.Ask(ctx, o)
	if err != nil {
		return shop.Decision{}, fmt.Errorf("order %s: %w", o.OrderID, err)
	}
	return d, nil
}

// decide decides orders, in two steps: it sets pieces aside, then it files the
// decisions. A store may carry out the one and not the other, and even a part
// of the first (Redis has no rollback): then the orders come again. What is set
// aside for one of them is found if it is all, and else comes back.
func (c *Counter) decide(ctx context.Context, orders []shop.Order) ([]shop.Decision, error) {
	decided, fresh, err := c.setAside(ctx, orders)
	if err != nil {
		return nil, fmt.Errorf("setting aside: %w", err)
	}
	if err := file(ctx, decided, fresh); err != nil {
		return nil, fmt.Errorf("filing decisions: %w", err)
	}
	list := make([]shop.Decision, len(orders))
	for i, o := range orders {
		list[i] = decided[o.OrderID]
		c.filed.Put(o.OrderID, list[i])
	}
	return list, nil
}

// setAside returns decisions by order id, those that are filed already among
// them, and the ids of those that are not. It takes one call that reads all
// there is to know, and one that writes the stock.
func (c *Counter) setAside(ctx context.Context, orders []shop.Order) (decided map[string]shop.Decision, fresh []string, err error) {
	q := c.ask(orders)
	err = state.Transaction(ctx, shop.StateStore, q.keys, func(tx *state.Tx) error {
		shelf, err := load(tx, orders)
		if err != nil {
			return err
		}
		filed, err := q.decisions(tx)
		if err != nil {
			return err
		}
		for _, s := range shelf {
			s.Settle(filed)
		}
		decided, fresh = make(map[string]shop.Decision, len(orders)), nil
		for _, o := range orders {
			if d, ok := filed[o.OrderID]; ok {
				decided[o.OrderID] = d
			} else if _, twice := decided[o.OrderID]; !twice {
				customer, known, err := c.customer(tx, q, o.CustomerID)
				if err != nil {
					return err
				}
				decided[o.OrderID] = shop.Decide(o, customer, known, shelf)
				fresh = append(fresh, o.OrderID)
			}
		}
		c.note(shelf)
		return save(tx, shelf)
	})
	return decided, fresh, err
}

// load reads the stock of all items, by SKU; from the catalogue what the store
// does not know.
func load(tx *state.Tx, orders []shop.Order) (map[string]*shop.Stock, error) {
	shelf := make(map[string]*shop.Stock)
	for _, o := range orders {
		for _, item := range o.Items {
			if shelf[item.SKU] != nil {
				continue
			}
			s, found, err := stocks.In(tx).Get(shop.StockKey(item.SKU))
			if err != nil {
				return nil, err
			}
			if !found {
				s.Available = shop.OpeningStock(item.SKU)
			}
			shelf[item.SKU] = &s
		}
	}
	return shelf, nil
}

func save(tx *state.Tx, shelf map[string]*shop.Stock) error {
	for sku, s := range shelf {
		if s.Changed() {
			if err := stocks.In(tx).Set(shop.StockKey(sku), *s); err != nil {
				return err
			}
		}
	}
	return nil
}

// file files fresh decisions, by order id, unless there is one on the same order
// meanwhile: decided then has the one that was first.
func file(ctx context.Context, decided map[string]shop.Decision, fresh []string) error {
	values := make(map[string]shop.Decision, len(fresh))
	for _, id := range fresh {
		values[shop.OrderKey(id)] = decided[id]
	}
	err := decisions.SetMany(ctx, values, state.IfMissing())
	if !errors.Is(err, state.ErrConflict) {
		return err
	}
	return state.Transaction(ctx, shop.StateStore, slices.Collect(maps.Keys(values)), func(tx *state.Tx) error {
		for key, d := range values {
			first, found, err := decisions.In(tx).Get(key)
			if err != nil {
				return err
			}
			if found {
				decided[d.OrderID] = first
			} else if err := decisions.In(tx).Set(key, d); err != nil {
				return err
			}
		}
		return nil
	})
}
