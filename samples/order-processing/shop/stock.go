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
	// Held are pieces set aside, by the try at an order that did it. They are
	// not available.
	//
	// A try may come late, when its order is decided and forgotten, or get only
	// a part of the articles. So it never touches what another has set aside: the
	// decision that is filed names the try whose pieces are sold, and those of
	// the others come back.
	Held map[string]Hold `json:"held,omitempty"`

	changed bool
}

// Hold is what is set aside for an order.
type Hold struct {
	OrderID string `json:"orderId"`
	Pieces  int    `json:"pieces"`
}

// Sells says whether the pieces that a try at the order has set aside are sold
// by this decision on it.
func (d Decision) Sells(try string) bool { return d.Valid && d.Try == try }

func (s *Stock) hold(try string, h Hold) {
	if s.Held == nil {
		s.Held = make(map[string]Hold)
	}
	s.Held[try] = h
	s.Available -= h.Pieces
	s.changed = true
}

// Settle forgets the orders on which a decision is filed: what was set aside for
// them is sold, or else available again. A decision that is filed stays as it
// is, so it does not matter when it was read.
func (s *Stock) Settle(filed map[string]Decision) {
	for try, h := range s.Held {
		d, ok := filed[h.OrderID]
		if !ok {
			continue
		}
		if !d.Sells(try) {
			s.Available += h.Pieces
		}
		delete(s.Held, try)
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
	if d.Reason == "" {
		d.check(o, stock)
	}
	return d
}

// check looks at the stock for an order that may be fulfilled.
func (d *Decision) check(o Order, stock map[string]*Stock) {
	total := make(map[string]int, len(o.Items))
	for _, item := range o.Items {
		total[item.SKU] += item.Quantity
	}
	try := earlier(o, total, stock)
	// Two lines of one SKU must not both be promised the last piece: each asks
	// for the pieces of those before it too.
	promised := make(map[string]int, len(o.Items))
	for _, item := range o.Items {
		s := stock[item.SKU]
		left := s.Available + s.Held[try].Pieces - promised[item.SKU]
		check := StockCheck{SKU: item.SKU, Requested: item.Quantity, Available: left, InStock: left >= item.Quantity}
		if check.InStock {
			promised[item.SKU] += item.Quantity
		} else if d.Reason == "" {
			d.Reason = "out of stock: " + item.SKU
		}
		d.Checks = append(d.Checks, check)
	}
	if d.Reason != "" {
		return
	}
	if try == "" {
		try = rand.Text()
		for sku, pieces := range total {
			stock[sku].hold(try, Hold{o.OrderID, pieces})
		}
	}
	d.Status, d.Valid, d.Try = StatusConfirmed, true, try
}

// earlier returns a try that has set aside all that an order wants, and whose
// decision may be filed at any moment; "" if there is none.
func earlier(o Order, total map[string]int, stock map[string]*Stock) string {
	all := func(try string) bool {
		for sku, pieces := range total {
			if stock[sku].Held[try].Pieces != pieces {
				return false
			}
		}
		return true
	}
	for _, item := range o.Items {
		for try, h := range stock[item.SKU].Held {
			if h.OrderID == o.OrderID && all(try) {
				return try
			}
		}
	}
	return ""
}
