package shop

import (
	"fmt"
	"time"

	"github.com/weftmesh/weft/samples/ledger"
)

// Kinds of records in the stock's ledger.
const (
	KindStock = "stock" // key SKU, value the quantity before the first order
	KindOrder = "order" // key order id, value a Decision
)

// Stock is what the shop has, and has promised. Several processes may share
// its ledger.
type Stock struct {
	file      *ledger.File
	available map[string]int // changed under the ledger's lock only
}

// OpenStock opens the ledger that url names (file:PATH). SKUs of opening that
// the ledger does not know are put in stock.
func OpenStock(url string, opening map[string]int) (*Stock, error) {
	path, err := ledger.Path(url)
	if err != nil {
		return nil, err
	}
	s := &Stock{available: make(map[string]int)}
	if s.file, err = ledger.Open(path, s.apply); err != nil {
		return nil, err
	}
	return s, s.file.Update(func(tx *ledger.Tx) error {
		for sku, quantity := range opening {
			_, known, err := tx.Find(KindStock, sku)
			if err != nil {
				return err
			}
			if known {
				continue
			}
			if err := tx.Append(KindStock, sku, quantity); err != nil {
				return err
			}
		}
		return nil
	})
}

// apply keeps the sums: what was there, less what orders have reserved.
func (s *Stock) apply(r ledger.Record) error {
	switch r.Kind {
	case KindStock:
		var quantity int
		if err := r.Decode(&quantity); err != nil {
			return err
		}
		s.available[r.Key] += quantity
	case KindOrder:
		var d Decision
		if err := r.Decode(&d); err != nil {
			return err
		}
		if d.Valid {
			for _, c := range d.Checks {
				s.available[c.SKU] -= c.Requested
			}
		}
	}
	return nil
}

// Close closes the ledger.
func (s *Stock) Close() error { return s.file.Close() }

// Available is what is left of a SKU; 0 for one that nobody knows.
func (s *Stock) Available(sku string) (int, error) {
	n := 0
	err := s.file.Update(func(*ledger.Tx) error { n = s.available[sku]; return nil })
	return n, err
}

// Decide checks an order and, if all of it is in stock, reserves it: both or
// neither. The first decision on an order id stands: asked again, as after a
// redelivery, it answers the same and reserves nothing.
func (s *Stock) Decide(o Order) (Decision, error) {
	var d Decision
	err := s.file.Update(func(tx *ledger.Tx) error {
		r, decided, err := tx.Find(KindOrder, o.OrderID)
		if err != nil {
			return err
		}
		if decided {
			return r.Decode(&d)
		}
		d = s.look(o)
		return tx.Append(KindOrder, o.OrderID, d)
	})
	return d, err
}

func (s *Stock) look(o Order) Decision {
	d := Decision{OrderID: o.OrderID, CustomerID: o.CustomerID, Status: StatusRejected, Timestamp: time.Now().UTC()}
	switch c, ok := FindCustomer(o.CustomerID); {
	case !ok:
		d.Reason = "unknown customer"
		return d
	case !c.Active:
		d.Reason = "customer is not active"
		return d
	}
	// Two lines of one SKU must not both be promised the last piece.
	left := make(map[string]int, len(o.Items))
	for _, item := range o.Items {
		if _, ok := left[item.SKU]; !ok {
			left[item.SKU] = s.available[item.SKU]
		}
		c := StockCheck{SKU: item.SKU, Requested: item.Quantity, Available: left[item.SKU]}
		if c.InStock = c.Available >= c.Requested; c.InStock {
			left[item.SKU] -= item.Quantity
		} else if d.Reason == "" {
			d.Reason = fmt.Sprintf("out of stock: %s", item.SKU)
		}
		d.Checks = append(d.Checks, c)
	}
	if d.Reason == "" {
		d.Status, d.Valid = StatusConfirmed, true
	}
	return d
}
