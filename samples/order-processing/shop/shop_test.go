package shop

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/runtime/state"
)

var ignoreTime = cmpopts.IgnoreFields(Decision{}, "Timestamp")

// stockOf returns what is in stock, with what is set aside.
func stockOf(h *fntest.Harness, sku string) Stock {
	s := Stock{Available: OpeningStock(sku)}
	h.State(StateStore, stockKey(sku), &s)
	return s
}

func TestCheck(t *testing.T) {
	one := []Item{{SKU: "tea", Quantity: 1}}
	tests := map[string]struct {
		reason string
		order  Order
		want   string // part of the error, "" for none
	}{
		"good":         {"all that is required", Order{CustomerID: "c-1", Items: one}, ""},
		"no customer":  {"nobody to deliver to", Order{Items: one}, "missing required fields"},
		"no items":     {"nothing to deliver", Order{CustomerID: "c-1"}, "missing required fields"},
		"no sku":       {"a line that names nothing", Order{CustomerID: "c-1", Items: []Item{{Quantity: 1}}}, "items[0].sku"},
		"none of it":   {"a line for nothing", Order{CustomerID: "c-1", Items: []Item{{SKU: "tea"}}}, "items[0].quantity"},
		"less":         {"stock must not grow by an order", Order{CustomerID: "c-1", Items: []Item{{SKU: "tea", Quantity: -1}}}, "items[0].quantity"},
		"far too much": {"sums must not overflow", Order{CustomerID: "c-1", Items: []Item{{SKU: "tea", Quantity: 1 << 60}}}, "items[0].quantity"},
		"a long name":  {"keys are bounded", Order{CustomerID: strings.Repeat("c", 101), Items: one}, "customerId: 101 bytes"},
		"no key":       {"Dapr keeps || for itself", Order{CustomerID: "c-1", Items: []Item{{SKU: "a||b", Quantity: 1}}}, "items[0].sku: must not hold"},
		"too many":     {"a line for each of a thousand things", Order{CustomerID: "c-1", Items: make([]Item, 1000)}, "at most 100"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			err := tc.order.Check()
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: err = %v, want %q", tc.reason, err, tc.want)
			}
		})
	}
}

func TestDecide(t *testing.T) {
	tests := map[string]struct {
		reason string
		order  Order
		want   Decision
		left   int // of tea, 5 before
	}{
		"in stock": {
			reason: "reserved",
			order:  Order{CustomerID: "c-1", Items: []Item{{"tea", 2}}},
			want:   Decision{Status: StatusConfirmed, Valid: true, Checks: []StockCheck{{"tea", 2, 5, true}}},
			left:   3,
		},
		"out of stock": {
			reason: "nothing of the order is reserved, not even what there is",
			order:  Order{CustomerID: "c-1", Items: []Item{{"tea", 2}, {"cup", 1}}},
			want:   Decision{Status: StatusRejected, Reason: "out of stock: cup", Checks: []StockCheck{{"tea", 2, 5, true}, {"cup", 1, 0, false}}},
			left:   5,
		},
		"two lines of one": {
			reason: "together they ask for more than there is",
			order:  Order{CustomerID: "c-1", Items: []Item{{"tea", 3}, {"tea", 3}}},
			want:   Decision{Status: StatusRejected, Reason: "out of stock: tea", Checks: []StockCheck{{"tea", 3, 5, true}, {"tea", 3, 2, false}}},
			left:   5,
		},
		"two lines that fit": {
			reason: "both are reserved",
			order:  Order{CustomerID: "c-1", Items: []Item{{"tea", 3}, {"tea", 2}}},
			want:   Decision{Status: StatusConfirmed, Valid: true, Checks: []StockCheck{{"tea", 3, 5, true}, {"tea", 2, 2, true}}},
			left:   0,
		},
		"unknown customer": {
			reason: "the stock is not even looked at",
			order:  Order{CustomerID: "c-99", Items: []Item{{"tea", 1}}},
			want:   Decision{Status: StatusRejected, Reason: "unknown customer"},
			left:   5,
		},
		"inactive customer": {
			reason: "as in the article",
			order:  Order{CustomerID: "c-3", Items: []Item{{"tea", 1}}},
			want:   Decision{Status: StatusRejected, Reason: "customer is not active"},
			left:   5,
		},
		"customer of the store": {
			reason: "the store knows more than the catalogue",
			order:  Order{CustomerID: "c-7", Items: []Item{{"tea", 1}}},
			want:   Decision{Status: StatusConfirmed, Valid: true, Checks: []StockCheck{{"tea", 1, 5, true}}},
			left:   4,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := fntest.New(t)
			h.SetState(StateStore, stockKey("tea"), Stock{Available: 5})
			h.SetState(StateStore, customerKey("c-7"), Customer{Name: "Di", Email: "di@customers.example", Active: true})
			tc.order.OrderID, tc.want.OrderID, tc.want.CustomerID = "o-1", "o-1", tc.order.CustomerID
			for _, again := range []bool{false, true} {
				got, err := NewCounter().Decide(h.Context(), tc.order)
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
			if diff := cmp.Diff(tc.want, fntest.StateAs[Decision](h, StateStore, "order/o-1"), ignoreTime); diff != "" {
				t.Errorf("%s: what is filed (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestHalfDone begins where a try before has stopped.
func TestHalfDone(t *testing.T) {
	order := Order{OrderID: "o-1", CustomerID: "c-1", Items: []Item{{"tea", 2}, {"cup", 1}}}
	confirmed := Decision{OrderID: "o-0", Status: StatusConfirmed, Valid: true}
	rejected := Decision{OrderID: "o-0", Status: StatusRejected}
	held := func(available int, id string, pieces int) Stock {
		return Stock{Available: available, Held: map[string]int{id: pieces}}
	}
	tests := map[string]struct {
		reason   string
		tea, cup Stock
		filed    []Decision
		valid    bool
		want     map[string]Stock
	}{
		"set aside": {
			"all is set aside, and no decision is filed: taken once",
			held(3, "o-1", 2), held(0, "o-1", 1), nil, true,
			map[string]Stock{"tea": held(3, "o-1", 2), "cup": held(0, "o-1", 1)},
		},
		"half set aside": {
			"as when Redis did a part of a transaction: the rest follows",
			held(3, "o-1", 2), Stock{Available: 1}, nil, true,
			map[string]Stock{"tea": held(3, "o-1", 2), "cup": held(0, "o-1", 1)},
		},
		"half, and sold out": {
			"what is set aside goes back",
			held(3, "o-1", 2), Stock{Available: 0}, nil, false,
			map[string]Stock{"tea": {Available: 5}, "cup": {}},
		},
		"another's": {
			"an order that is not decided yet keeps its pieces",
			held(3, "o-0", 2), Stock{Available: 1}, nil, true,
			map[string]Stock{"tea": {Available: 1, Held: map[string]int{"o-0": 2, "o-1": 2}}, "cup": held(0, "o-1", 1)},
		},
		"another's, confirmed": {
			"the decision tells: the stock need not remember",
			held(3, "o-0", 2), Stock{Available: 1}, []Decision{confirmed}, true,
			map[string]Stock{"tea": held(1, "o-1", 2), "cup": held(0, "o-1", 1)},
		},
		"another's, rejected": {
			"another process has rejected what this one could set aside: it goes back",
			held(3, "o-0", 2), Stock{Available: 1}, []Decision{rejected}, true,
			map[string]Stock{"tea": held(3, "o-1", 2), "cup": held(0, "o-1", 1)},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := fntest.New(t)
			h.SetState(StateStore, stockKey("tea"), tc.tea)
			h.SetState(StateStore, stockKey("cup"), tc.cup)
			for _, d := range tc.filed {
				h.SetState(StateStore, orderKey(d.OrderID), d)
			}
			d, err := NewCounter().Decide(h.Context(), order)
			if err != nil || d.Valid != tc.valid {
				t.Errorf("%s: %+v, %v", tc.reason, d, err)
			}
			got := map[string]Stock{"tea": stockOf(h, "tea"), "cup": stockOf(h, "cup")}
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreUnexported(Stock{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: stock (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestStockIsNeverPromisedTwice(t *testing.T) {
	h := fntest.New(t)
	const pieces, orders = 10, 40
	h.SetState(StateStore, stockKey("tea"), Stock{Available: pieces})
	var mu sync.Mutex
	var wg sync.WaitGroup
	confirmed := make(map[string]int)
	for range 2 { // counters stand for processes: each order comes to both
		c := NewCounter()
		for i := range orders {
			wg.Go(func() {
				d, err := c.Decide(h.Context(), Order{OrderID: fmt.Sprint(i), CustomerID: "c-1", Items: []Item{{"tea", 1}}})
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
	// The stock forgets what is decided with the next order.
	if _, err := NewCounter().Decide(h.Context(), Order{OrderID: "last", CustomerID: "c-1", Items: []Item{{"tea", 1}}}); err != nil {
		t.Fatal(err)
	}
	if s := stockOf(h, "tea"); len(s.Held) != 0 {
		t.Errorf("still held: %v", maps.Collect(maps.All(s.Held)))
	}
}

func TestCatalogueFillsTheStore(t *testing.T) {
	h := fntest.New(t)
	opening := OpeningStock("pot-300")
	if _, err := NewCounter().Decide(h.Context(), Order{OrderID: "o-1", CustomerID: "c-1", Items: []Item{{"pot-300", 1}, {"yacht", 1}}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"customer/c-1", "order/o-1"}, h.StateKeys(StateStore)); diff != "" {
		t.Errorf("after a rejected order (-want +got):\n%s", diff)
	}
	if _, err := NewCounter().Decide(h.Context(), Order{OrderID: "o-2", CustomerID: "c-1", Items: []Item{{"pot-300", 1}}}); err != nil {
		t.Fatal(err)
	}
	if s := stockOf(h, "pot-300"); s.Available != opening-1 {
		t.Errorf("stock = %+v, want %d available", s, opening-1)
	}
}

func TestStoreThatFails(t *testing.T) {
	h := fntest.New(t)
	c := NewCounter()
	order := Order{OrderID: "o-1", CustomerID: "c-1", Items: []Item{{"tea-100", 1}}}
	h.FailNext(StateStore, 1, state.ErrUnavailable)
	if _, err := c.Decide(h.Context(), order); !errors.Is(err, state.ErrUnavailable) {
		t.Errorf("err = %v, want that the store is not there", err)
	}
	h.FailNext(StateStore, 1, state.ErrConflict)
	if d, err := c.Decide(h.Context(), order); err != nil || !d.Valid {
		t.Errorf("after a conflict: %+v, %v", d, err)
	}
	if s := stockOf(h, "tea-100"); s.Available != OpeningStock("tea-100")-1 {
		t.Errorf("stock = %+v", s)
	}
}

func TestNotifyOnce(t *testing.T) {
	h, p := fntest.New(t), NewPost()
	for i, again := range []bool{false, true} {
		d := Decision{OrderID: "o-1", CustomerID: "c-1", Status: StatusRejected, Reason: fmt.Sprintf("<%d>", i)}
		m, got, err := p.Notify(h.Context(), d)
		if err != nil || got != again || m.To != "ada@customers.example" || !strings.Contains(m.Body, "&lt;0&gt;") {
			t.Errorf("call %d: %+v, again %v, %v, want the first mail", i+1, m, got, err)
		}
	}
	if n := len(h.Bound(MailServer)); n != 1 {
		t.Errorf("%d mails were sent, want 1", n)
	}
}

func TestMailServerThatFails(t *testing.T) {
	h, p := fntest.New(t), NewPost()
	d := Decision{OrderID: "o-1", CustomerID: "c-1", Status: StatusConfirmed}
	h.FailNext(MailServer, 1, errors.New("421 come again"))
	if _, _, err := p.Notify(h.Context(), d); err == nil {
		t.Error("no error though the mail was not taken")
	}
	if _, again, err := p.Notify(h.Context(), d); err != nil || again {
		t.Errorf("the next attempt: again %v, %v: want the mail sent", again, err)
	}
}
