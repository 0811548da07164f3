package counter

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/runtime/state"
	"github.com/weftmesh/weft/samples/order-processing/shop"
)

var ignoreTime = cmpopts.IgnoreFields(shop.Decision{}, "Timestamp", "Try")

// stockOf returns what is in stock, with what is set aside.
func stockOf(h *fntest.Harness, sku string) shop.Stock {
	s := shop.Stock{Available: shop.OpeningStock(sku)}
	h.State(shop.StateStore, shop.StockKey(sku), &s)
	return s
}

func TestDecide(t *testing.T) {
	tests := map[string]struct {
		reason string
		order  shop.Order
		want   shop.Decision
		left   int // of tea, 5 before
	}{
		"in stock": {
			reason: "reserved",
			order:  shop.Order{CustomerID: "c-1", Items: []shop.Item{{SKU: "tea", Quantity: 2}}},
			want:   shop.Decision{Status: shop.StatusConfirmed, Valid: true, Checks: []shop.StockCheck{{SKU: "tea", Requested: 2, Available: 5, InStock: true}}},
			left:   3,
		},
		"out of stock": {
			reason: "nothing of the order is reserved, not even what there is",
			order:  shop.Order{CustomerID: "c-1", Items: []shop.Item{{SKU: "tea", Quantity: 2}, {SKU: "cup", Quantity: 1}}},
			want:   shop.Decision{Status: shop.StatusRejected, Reason: "out of stock: cup", Checks: []shop.StockCheck{{SKU: "tea", Requested: 2, Available: 5, InStock: true}, {SKU: "cup", Requested: 1, Available: 0, InStock: false}}},
			left:   5,
		},
		"two lines of one": {
			reason: "together they ask for more than there is",
			order:  shop.Order{CustomerID: "c-1", Items: []shop.Item{{SKU: "tea", Quantity: 3}, {SKU: "tea", Quantity: 3}}},
			want:   shop.Decision{Status: shop.StatusRejected, Reason: "out of stock: tea", Checks: []shop.StockCheck{{SKU: "tea", Requested: 3, Available: 5, InStock: true}, {SKU: "tea", Requested: 3, Available: 2, InStock: false}}},
			left:   5,
		},
		"two lines that fit": {
			reason: "both are reserved",
			order:  shop.Order{CustomerID: "c-1", Items: []shop.Item{{SKU: "tea", Quantity: 3}, {SKU: "tea", Quantity: 2}}},
			want:   shop.Decision{Status: shop.StatusConfirmed, Valid: true, Checks: []shop.StockCheck{{SKU: "tea", Requested: 3, Available: 5, InStock: true}, {SKU: "tea", Requested: 2, Available: 2, InStock: true}}},
			left:   0,
		},
		"unknown customer": {
			reason: "the stock is not even looked at",
			order:  shop.Order{CustomerID: "c-99", Items: []shop.Item{{SKU: "tea", Quantity: 1}}},
			want:   shop.Decision{Status: shop.StatusRejected, Reason: "unknown customer"},
			left:   5,
		},
		"inactive customer": {
			reason: "as in the article",
			order:  shop.Order{CustomerID: "c-3", Items: []shop.Item{{SKU: "tea", Quantity: 1}}},
			want:   shop.Decision{Status: shop.StatusRejected, Reason: "customer is not active"},
			left:   5,
		},
		"customer of the store": {
			reason: "the store knows more than the catalogue",
			order:  shop.Order{CustomerID: "c-7", Items: []shop.Item{{SKU: "tea", Quantity: 1}}},
			want:   shop.Decision{Status: shop.StatusConfirmed, Valid: true, Checks: []shop.StockCheck{{SKU: "tea", Requested: 1, Available: 5, InStock: true}}},
			left:   4,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := fntest.New(t)
			h.SetState(shop.StateStore, shop.StockKey("tea"), shop.Stock{Available: 5})
			h.SetState(shop.StateStore, shop.CustomerKey("c-7"), shop.Customer{Name: "Di", Email: "di@customers.example", Active: true})
			tc.order.OrderID, tc.want.OrderID, tc.want.CustomerID = "o-1", "o-1", tc.order.CustomerID
			for _, again := range []bool{false, true} {
				got, err := New().Decide(h.Context(), tc.order)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tc.want, got, ignoreTime); diff != "" {
					t.Errorf("%s (again: %v) (-want +got):\n%s", tc.reason, again, diff)
				}
				if left := stockOf(h, "tea").Available; left != tc.left {
					t.Errorf("%s (again: %v): %d left, want %d", tc.reason, again, left, tc.left)
				}
			}
			if diff := cmp.Diff(tc.want, fntest.StateAs[shop.Decision](h, shop.StateStore, "order/o-1"), ignoreTime); diff != "" {
				t.Errorf("%s: what is filed (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestHalfDone begins where a try before has stopped.
func TestHalfDone(t *testing.T) {
	order := shop.Order{OrderID: "o-1", CustomerID: "c-1", Items: []shop.Item{{SKU: "tea", Quantity: 2}, {SKU: "cup", Quantity: 1}}}
	confirmed := shop.Decision{OrderID: "o-0", Status: shop.StatusConfirmed, Valid: true, Try: "t"}
	rejected := shop.Decision{OrderID: "o-0", Status: shop.StatusRejected}
	left := func(available int) shop.Stock { return shop.Stock{Available: available} }
	held := func(available int, id string, pieces int, try string) shop.Stock {
		return shop.Stock{Available: available, Held: map[string]shop.Hold{try: {OrderID: id, Pieces: pieces}}}
	}
	tests := map[string]struct {
		reason   string
		tea, cup shop.Stock
		filed    []shop.Decision
		valid    bool
		want     map[string]shop.Stock // once all is settled
	}{
		"set aside": {
			"all is set aside, and no decision is filed: taken once",
			held(3, "o-1", 2, "t"), held(0, "o-1", 1, "t"), nil, true,
			map[string]shop.Stock{"tea": left(3), "cup": left(0)},
		},
		"half set aside": {
			"as when Redis did a part of a transaction: the rest follows",
			held(3, "o-1", 2, "t"), left(1), nil, true,
			map[string]shop.Stock{"tea": left(3), "cup": left(0)},
		},
		"half by each": {
			"as when Redis did a part of two transactions: neither is whole",
			held(3, "o-1", 2, "t"), held(1, "o-1", 1, "u"), nil, true,
			map[string]shop.Stock{"tea": left(3), "cup": left(1)},
		},
		"half, and sold out": {
			"what is set aside goes back",
			held(3, "o-1", 2, "t"), left(0), nil, false,
			map[string]shop.Stock{"tea": left(5), "cup": left(0)},
		},
		"too late": {
			"the order was sold and forgotten before this try set it aside: it goes back",
			held(1, "o-0", 2, "u"), left(1), []shop.Decision{confirmed}, false,
			map[string]shop.Stock{"tea": left(3), "cup": left(1)},
		},
		"another's": {
			"an order that is not decided yet keeps its pieces",
			held(3, "o-0", 2, "t"), left(1), nil, true,
			map[string]shop.Stock{"tea": held(1, "o-0", 2, "t"), "cup": left(0)},
		},
		"another's, confirmed": {
			"the decision tells: the stock need not remember",
			held(3, "o-0", 2, "t"), left(1), []shop.Decision{confirmed}, true,
			map[string]shop.Stock{"tea": left(1), "cup": left(0)},
		},
		"another's, rejected": {
			"another process has rejected what this one could set aside: it goes back",
			held(3, "o-0", 2, "t"), left(1), []shop.Decision{rejected}, true,
			map[string]shop.Stock{"tea": left(3), "cup": left(0)},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h, c := fntest.New(t), New()
			h.SetState(shop.StateStore, shop.StockKey("tea"), tc.tea)
			h.SetState(shop.StateStore, shop.StockKey("cup"), tc.cup)
			for _, d := range tc.filed {
				h.SetState(shop.StateStore, shop.OrderKey(d.OrderID), d)
			}
			d, err := c.Decide(h.Context(), order)
			if err != nil || d.Valid != tc.valid {
				t.Errorf("%s: %+v, %v", tc.reason, d, err)
			}
			// The stock forgets with the orders that come after.
			for i := range 2 {
				if _, err := c.Decide(h.Context(), shop.Order{OrderID: fmt.Sprint("after-", i), CustomerID: "nobody", Items: order.Items}); err != nil {
					t.Fatal(err)
				}
			}
			got := map[string]shop.Stock{"tea": stockOf(h, "tea"), "cup": stockOf(h, "cup")}
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreUnexported(shop.Stock{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: stock (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestDecidedMeanwhile has a process decide an order, and the stock forget it,
// while another reads: that one has read the decision before it was filed, and
// the stock after it forgot the order.
func TestDecidedMeanwhile(t *testing.T) {
	order := shop.Order{OrderID: "o-1", CustomerID: "c-1", Items: []shop.Item{{SKU: "tea", Quantity: 2}, {SKU: "cup", Quantity: 1}}}
	tests := map[string]struct {
		reason string
		forget []shop.Item
		tea    int // available, once the late one has set its pieces aside
	}{
		"forgotten": {"nothing tells of the order", order.Items, 1},
		"in part":   {"some of its pieces are still held: they are not all", order.Items[1:], 1},
		"not yet":   {"all is still held: nothing more is taken", nil, 3},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h, first, late := fntest.New(t), New(), New()
			h.SetState(shop.StateStore, shop.StockKey("tea"), shop.Stock{Available: 5})
			h.SetState(shop.StateStore, shop.StockKey("cup"), shop.Stock{Available: 5})
			decide := func(c *Counter, o shop.Order) shop.Decision {
				d, err := c.Decide(h.Context(), o)
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			want := decide(first, order)
			if len(tc.forget) > 0 {
				decide(first, shop.Order{OrderID: "o-2", CustomerID: "nobody", Items: tc.forget})
			}
			if err := decisions.Delete(h.Context(), shop.OrderKey("o-1")); err != nil {
				t.Fatal(err)
			}
			decided, fresh, err := late.setAside(h.Context(), []shop.Order{order})
			if err != nil {
				t.Fatal(err)
			}
			h.SetState(shop.StateStore, shop.OrderKey("o-1"), want)
			if s := stockOf(h, "tea"); s.Available != tc.tea {
				t.Errorf("%s: %d left, want %d", tc.reason, s.Available, tc.tea)
			}
			if err := file(h.Context(), decided, fresh); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, decided["o-1"]); diff != "" {
				t.Errorf("%s: the first decision stands (-want +got):\n%s", tc.reason, diff)
			}
			for _, id := range []string{"o-3", "o-4"} {
				decide(late, shop.Order{OrderID: id, CustomerID: "nobody", Items: order.Items})
			}
			for sku, want := range map[string]int{"tea": 3, "cup": 4} {
				if s := stockOf(h, sku); s.Available != want || len(s.Held) > 0 {
					t.Errorf("%s: %s: %+v, want %d: the order was sold once", tc.reason, sku, s, want)
				}
			}
		})
	}
}

func TestStockIsNeverPromisedTwice(t *testing.T) {
	h := fntest.New(t)
	const pieces, orders = 10, 40
	h.SetState(shop.StateStore, shop.StockKey("tea"), shop.Stock{Available: pieces})
	var mu sync.Mutex
	var wg sync.WaitGroup
	confirmed := make(map[string]int)
	for range 2 { // counters stand for processes: each order comes to both
		c := New()
		for i := range orders {
			wg.Go(func() {
				d, err := c.Decide(h.Context(), shop.Order{OrderID: fmt.Sprint(i), CustomerID: "c-1", Items: []shop.Item{{SKU: "tea", Quantity: 1}}})
				if err != nil {
					t.Error(err)
				}
				if d.Valid {
					mu.Lock()
					confirmed[d.OrderID]++
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	s := stockOf(h, "tea")
	if s.Available != 0 || len(confirmed) != pieces {
		t.Errorf("%d left, %d orders confirmed, want 0 and %d", s.Available, len(confirmed), pieces)
	}
	for id, n := range confirmed {
		if n != 2 {
			t.Errorf("order %s was confirmed to one and rejected to the other", id)
		}
	}
	// The stock forgets what is decided with the orders that come next.
	c := New()
	for _, id := range []string{"last", "very last"} {
		if _, err := c.Decide(h.Context(), shop.Order{OrderID: id, CustomerID: "c-1", Items: []shop.Item{{SKU: "tea", Quantity: 1}}}); err != nil {
			t.Fatal(err)
		}
	}
	if s := stockOf(h, "tea"); len(s.Held) != 0 {
		t.Errorf("still held: %v", maps.Collect(maps.All(s.Held)))
	}
}

func TestCatalogueFillsTheStore(t *testing.T) {
	h := fntest.New(t)
	opening := shop.OpeningStock("pot-300")
	if _, err := New().Decide(h.Context(), shop.Order{OrderID: "o-1", CustomerID: "c-1", Items: []shop.Item{{SKU: "pot-300", Quantity: 1}, {SKU: "yacht", Quantity: 1}}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"customer/c-1", "order/o-1"}, h.StateKeys(shop.StateStore)); diff != "" {
		t.Errorf("after a rejected order (-want +got):\n%s", diff)
	}
	if _, err := New().Decide(h.Context(), shop.Order{OrderID: "o-2", CustomerID: "c-1", Items: []shop.Item{{SKU: "pot-300", Quantity: 1}}}); err != nil {
		t.Fatal(err)
	}
	if s := stockOf(h, "pot-300"); s.Available != opening-1 {
		t.Errorf("stock = %+v, want %d available", s, opening-1)
	}
}

func TestStoreThatFails(t *testing.T) {
	h := fntest.New(t)
	c := New()
	order := shop.Order{OrderID: "o-1", CustomerID: "c-1", Items: []shop.Item{{SKU: "tea-100", Quantity: 1}}}
	h.FailNext(shop.StateStore, 1, state.ErrUnavailable)
	if _, err := c.Decide(h.Context(), order); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("err = %v, want that the store is not there", err)
	}
	h.FailNext(shop.StateStore, 1, state.ErrConflict)
	if d, err := c.Decide(h.Context(), order); err != nil || !d.Valid {
		t.Errorf("after a conflict: %+v, %v", d, err)
	}
	if s := stockOf(h, "tea-100"); s.Available != shop.OpeningStock("tea-100")-1 {
		t.Errorf("stock = %+v", s)
	}
}
