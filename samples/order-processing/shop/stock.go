package shop

import (
	"crypto/rand"
	"time"
)

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
	Held map[string]Hold `json:"held,omitempty"`

	changed bool
}

// Hold is what is set aside for an order.
type Hold struct {
	Pieces int `json:"pieces"`
	// Try at the order that set them aside. It may be one that comes too late,
	// when the order is decided and forgotten: the decision that is filed names
	// the try whose pieces are sold.
	Try string `json:"try"`
}

// Sells says whether pieces that were set aside for the order are sold by this
// decision on it.
func (d Decision) Sells(h Hold) bool { return d.Valid && d.Try == h.Try }

// hold sets pieces aside for an order, those included that are set aside for it
// already.
func (s *Stock) hold(orderID string, h Hold) {
	s.Available += s.Held[orderID].Pieces - h.Pieces
	s.changed = true
	if s.Held == nil {
		s.Held = make(map[string]Hold)
	}
	s.Held[orderID] = h
}

// Settle forgets the orders on which a decision is filed: what was set aside for
// them is sold, or else available again. A decision that is filed stays as it
// is, so it does not matter when it was read.
func (s *Stock) Settle(filed map[string]Decision) {
	for id, h := range s.Held {
		d, ok := filed[id]
		if !ok {
			continue
		}
		if !d.Sells(h) {
			s.Available += h.Pieces
		}
		delete(s.Held, id)
		s.changed = true
	}
}

// Changed says whether there is something to write.
func (s *Stock) Changed() bool { return s.changed }

// Decide checks an order against its customer and the stock and, if all of it
// is there, sets all of it aside, else nothing: what an earlier try has set
// aside is available again once the rejection is filed. known is false for a
// customer that nobody knows. stock has an entry for every SKU of the order.
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
			left := s.Available + s.Held[o.OrderID].Pieces - wanted[item.SKU]
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
		return d
	}
	d.Status, d.Valid, d.Try = StatusConfirmed, true, tryAt(o, stock)
	for sku, pieces := range wanted {
		stock[sku].hold(o.OrderID, Hold{pieces, d.Try})
	}
	return d
}

// tryAt is the try that pieces are set aside for the order by. One that has
// begun is joined, since its decision may be filed at any moment; of two that
// have each a part, all join the same.
func tryAt(o Order, stock map[string]*Stock) string {
	first := ""
	for _, item := range o.Items {
		if h, held := stock[item.SKU].Held[o.OrderID]; held && (first == "" || h.Try < first) {
			first = h.Try
		}
	}
	if first == "" {
		return rand.Text()
	}
	return first
}
