package main

import (
	"testing"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/runtime/state"
	"github.com/weftmesh/weft/samples/order-processing/counter"
	"github.com/weftmesh/weft/samples/order-processing/shop"
)

func TestValidate(t *testing.T) {
	tests := map[string]struct {
		reason        string
		customer, sku string
		quantity      int
		status, says  string
		left          int
	}{
		"good":             {"reserved", "c-1", "tea", 2, shop.StatusConfirmed, "", 3},
		"out of stock":     {"rejected, with the reason", "c-1", "tea", 6, shop.StatusRejected, "out of stock: tea", 5},
		"unknown item":     {"nobody has it in stock", "c-1", "yacht", 1, shop.StatusRejected, "out of stock: yacht", 5},
		"unknown customer": {"rejected, with the reason", "c-9", "tea", 2, shop.StatusRejected, "unknown customer", 5},
		"not an order":     {"told, not retried: it will not get better", "c-1", "tea", -2, shop.StatusError, "items[0].quantity: -2 is not between 1 and 10000", 5},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := fntest.New(t)
			h.SetState(shop.StateStore, "stock/tea", shop.Stock{Available: 5})
			fntest.Typed(h, "validateInventory", validator{counter.New()}.validate)
			order := fntest.Event(shop.Order{OrderID: "o-1", CustomerID: tc.customer, Items: []shop.Item{{SKU: tc.sku, Quantity: tc.quantity}}})
			for attempt := range 2 { // as when the first answer was lost
				d := fntest.OutputAs[shop.Decision](t, h.Deliver(fntest.Attempt(order, attempt+1)))
				if d.OrderID != "o-1" || d.Status != tc.status || d.Reason != tc.says || d.Valid != (tc.status == shop.StatusConfirmed) {
					t.Errorf("%s (attempt %d): %+v", tc.reason, attempt+1, d)
				}
				if left := fntest.StateAs[shop.Stock](h, shop.StateStore, "stock/tea").Available; left != tc.left {
					t.Errorf("%s (attempt %d): %d left, want %d", tc.reason, attempt+1, left, tc.left)
				}
			}
		})
	}
}

func TestOrderWithoutID(t *testing.T) {
	h := fntest.New(t)
	fntest.Typed(h, "validateInventory", validator{counter.New()}.validate)
	if out := h.Deliver(shop.Order{CustomerID: "c-1"}); out.Kind != fntest.KindFinal {
		t.Errorf("an order without an id: %+v, want final", out)
	}
}

func TestStoreThatIsDown(t *testing.T) {
	h := fntest.New(t)
	fntest.Typed(h, "validateInventory", validator{counter.New()}.validate)
	h.FailNext(shop.StateStore, -1, state.ErrUnavailable)
	out := h.Deliver(shop.Order{OrderID: "o-1", CustomerID: "c-1", Items: []shop.Item{{SKU: "tea", Quantity: 1}}})
	if out.Kind != fntest.KindRetry {
		t.Errorf("a store that cannot be read: %+v, want a retry", out)
	}
}
