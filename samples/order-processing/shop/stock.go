package shop

import "time"

// Stock is what is left of an article.
//
// Its pieces are set aside for an order before the decision on the order is
// filed, under another key: a store may lose its connection, and a process its
// life, between the two. Until then the stock itself remembers for whom they
// are set aside. So a decision that is repeated takes nothing twice, and what
// the stock remembers does not grow with the number of orders.
type Stock struct {
	Available int `json:"available"`
	// Held are pieces set aside, by order id. They are not available.
	Held map[string]int `json:"held,omitempty"`

	changed bool
}

// hold sets pieces aside for an order, those included that are set aside for it
// already.
func (s *Stock) hold(orderID string, pieces int) {
	s.Available += s.Held[orderID] - pieces
	s.changed = true
	if s.Held == nil {
		s.Held = make(map[string]int)
	}
	s.Held[orderID] = pieces
}

// release makes what was set aside for an order available again.
func (s *Stock) release(orderID string) {
	s.Available += s.Held[orderID]
	s.forget(orderID)
}

func (s *Stock) forget(orderID string) {
	if _, held := s.Held[orderID]; held {
		delete(s.Held, orderID)
		s.changed = true
	}
}

// settle forgets the orders on which a decision is filed: what was set aside for
// them is sold if they are confirmed, else available again.
func (s *Stock) settle(filed map[string]Decision) {
	for id := range s.Held {
		switch d, ok := filed[id]; {
		case !ok:
		case d.Valid:
			s.forget(id)
		default:
			s.release(id)
		}
	}
}

// Decide checks an order against its customer and the stock and, if all of it
// is there, sets all of it aside, else nothing. known is false for a customer
// that nobody knows. stock has an entry for every SKU of the order.
func Decide(o Order, c Customer, known bool, stock map[string]*Stock) Decision {
	d := Decision{OrderID: o.OrderID, CustomerID: o.CustomerID, Status: StatusRejected, Timestamp: time.Now().UTC()}
	switch {
	case !known:
		d.Reason = "unknown customer"
	case !c.Active:
		d.Reason = "customer is not active"
	}
	// Two lines of one SKU must not both be promised the last piece: each asks
	// for the pieces of those before it too.
	wanted := make(map[string]int, len(o.Items))
	if d.Reason == "" {
		for _, item := range o.Items {
			s := stock[item.SKU]
			left := s.Available + s.Held[o.OrderID] - wanted[item.SKU]
			check := StockCheck{SKU: item.SKU, Requested: item.Quantity, Available: left, InStock: left >= item.Quantity}
			if check.InStock {
				wanted[item.SKU] += item.Quantity
			} else if d.Reason == "" {
				d.Reason = "out of stock: " + item.SKU
			}
			d.Checks = append(d.Checks, check)
		}
	}
	if d.Reason != "" {
		// What a try before this one may have set aside.
		for _, item := range o.Items {
			stock[item.SKU].release(o.OrderID)
		}
		return d
	}
	for sku, pieces := range wanted {
		stock[sku].hold(o.OrderID, pieces)
	}
	d.Status, d.Valid = StatusConfirmed, true
	return d
}
