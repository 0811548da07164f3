package counter

import (
	"github.com/weftmesh/weft/runtime/state"
	"github.com/weftmesh/weft/samples/order-processing/shop"
)

// question is what a counter has to know to decide some orders: what it
// remembers, and the keys of the rest.
type question struct {
	known map[string]shop.Customer // by id
	filed map[string]shop.Decision // by order id
	// unsure are ids of orders whose decision may be filed: it is read.
	unsure map[string]bool
	keys   []string
}

// ask says what to read about orders: their stock, always, and what the counter
// does not remember of their customers, of the decisions on them, and of those
// on the orders for which stock was set aside.
//
// All of it is read in one call, which is no picture of one moment: a decision
// may be filed, and the stock forget the order, while the call is between the
// two. Then the order is decided once more, but this decision is not filed, and
// the pieces that it has set aside come back (see shop.Stock).
func (c *Counter) ask(orders []shop.Order) *question {
	q := &question{known: make(map[string]shop.Customer), filed: make(map[string]shop.Decision), unsure: make(map[string]bool)}
	for _, o := range orders {
		c.askDecision(q, o.OrderID)
		if customer, ok := c.customers.Get(o.CustomerID); ok {
			q.known[o.CustomerID] = customer
		} else {
			q.keys = append(q.keys, shop.CustomerKey(o.CustomerID))
		}
		for _, item := range o.Items {
			q.keys = append(q.keys, shop.StockKey(item.SKU))
			for _, id := range c.held[item.SKU] {
				c.askDecision(q, id)
			}
		}
	}
	return q
}

func (c *Counter) askDecision(q *question, id string) {
	if d, ok := c.filed.Get(id); ok {
		q.filed[id] = d
	} else if !q.unsure[id] {
		q.unsure[id] = true
		q.keys = append(q.keys, shop.OrderKey(id))
	}
}

// decisions returns those that are filed, by order id.
func (q *question) decisions(tx *state.Tx) (map[string]shop.Decision, error) {
	for id := range q.unsure {
		d, found, err := decisions.In(tx).Get(shop.OrderKey(id))
		if err != nil {
			return nil, err
		}
		if found {
			q.filed[id] = d
		}
	}
	return q.filed, nil
}

// customer looks a customer up; one from the catalogue is put into the store.
func (c *Counter) customer(tx *state.Tx, q *question, id string) (shop.Customer, bool, error) {
	if customer, ok := q.known[id]; ok {
		return customer, true, nil
	}
	customer, found, err := customers.In(tx).Get(shop.CustomerKey(id))
	switch {
	case err != nil:
	case found:
		c.customers.Put(id, customer)
	default:
		if customer, found = shop.KnownCustomer(id); found {
			err = customers.In(tx).Set(shop.CustomerKey(id), customer)
		}
	}
	return customer, found, err
}

// note remembers for which orders stock is set aside: the next question is how
// they were decided.
func (c *Counter) note(shelf map[string]*shop.Stock) {
	for sku, s := range shelf {
		if len(s.Held) == 0 {
			delete(c.held, sku)
		} else {
			ids := make([]string, 0, len(s.Held))
			for _, h := range s.Held {
				ids = append(ids, h.OrderID)
			}
			c.held[sku] = ids
		}
	}
}
