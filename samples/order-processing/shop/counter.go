package shop

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weftmesh/weft/runtime/state"
)

var (
	stocks    = state.Of[Stock](StateStore)
	customers = state.Of[Customer](StateStore)
	decisions = state.Of[Decision](StateStore)
)

// Counter decides orders. All orders want the same few articles, and each would
// wait for the store's answers to the one before it: so it decides together
// what comes together. It is safe for concurrent use, and several processes may
// decide.
type Counter struct{ orders *together[Order, Decision] }

// NewCounter returns a counter.
func NewCounter() *Counter { return &Counter{newTogether(decideAll)} }

// Decide checks an order, which has an id and is complete, and reserves its
// items if all are in stock: both or neither. The first decision on an order id
// stands: asked again, as after a redelivery, it answers the same and reserves
// nothing.
func (c *Counter) Decide(ctx context.Context, o Order) (Decision, error) {
	d, err := c.orders.ask(ctx, o)
	if err != nil {
		return Decision{}, fmt.Errorf("order %s: %w", o.OrderID, err)
	}
	return d, nil
}

// decideAll decides orders, in two steps: it sets pieces aside, then it files the decisions. A store may
// carry out the one and not the other, and even a part of the first (Redis has
// no rollback): then the orders come again, and what is set aside for them is
// found.
func decideAll(ctx context.Context, orders []Order) ([]Decision, error) {
	decided, fresh, err := setAside(ctx, orders)
	if err != nil {
		return nil, fmt.Errorf("setting aside: %w", err)
	}
	if len(fresh) > 0 {
		if err = enter(ctx, decided, fresh); err != nil {
			return nil, fmt.Errorf("filing decisions: %w", err)
		}
	}
	list := make([]Decision, len(orders))
	for i, o := range orders {
		list[i] = decided[o.OrderID]
	}
	return list, nil
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

// enter files fresh decisions, by key, unless there is one on the same order
// meanwhile: decided then has the one that was first.
func enter(ctx context.Context, decided map[string]Decision, fresh []string) error {
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
