package shop

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func openStock(t *testing.T, path string, opening map[string]int) *Stock {
	t.Helper()
	s, err := OpenStock("file:"+path, opening)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
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
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := openStock(t, filepath.Join(t.TempDir(), "l"), map[string]int{"tea": 5})
			tc.order.OrderID, tc.want.OrderID, tc.want.CustomerID = "o-1", "o-1", tc.order.CustomerID
			for _, again := range []bool{false, true} {
				got, err := s.Decide(tc.order)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(Decision{}, "Timestamp")); diff != "" {
					t.Errorf("%s (again: %v) (-want +got):\n%s", tc.reason, again, diff)
				}
				if left, err := s.Available("tea"); err != nil || left != tc.left {
					t.Errorf("%s (again: %v): %d left, %v, want %d", tc.reason, again, left, err, tc.left)
				}
			}
		})
	}
}

func TestStockIsNeverPromisedTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "l")
	const pieces, orders = 10, 40
	var mu sync.Mutex
	var wg sync.WaitGroup
	confirmed := 0
	for n := range 4 { // handles stand for processes
		s := openStock(t, path, map[string]int{"tea": pieces})
		wg.Go(func() {
			for i := range orders {
				id := string(rune('a'+n%2)) + string(rune('A'+i)) // each order twice
				d, err := s.Decide(Order{OrderID: id, CustomerID: "c-1", Items: []Item{{"tea", 1}}})
				if err != nil {
					t.Error(err)
				}
				if d.Valid {
					mu.Lock()
					confirmed++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if left, err := openStock(t, path, nil).Available("tea"); err != nil || left != 0 {
		t.Errorf("%d left, %v, want 0", left, err)
	}
	if confirmed != 2*pieces { // every confirmation was given twice
		t.Errorf("%d confirmations, want %d", confirmed, 2*pieces)
	}
}

func TestOutboxSendsOnce(t *testing.T) {
	o, err := OpenOutbox("file:" + filepath.Join(t.TempDir(), "l"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = o.Close() }()
	for i, want := range []bool{true, false} {
		sent, err := o.Send("o-1", Mail{To: "ada", Body: string(rune('a' + i))})
		if err != nil || sent != want {
			t.Errorf("send %d: %v, %v, want %v", i, sent, err, want)
		}
	}
	m, ok, err := o.Find("o-1")
	if err != nil || !ok || m.Body != "a" {
		t.Errorf("mail = %+v, %v, %v, want the first", m, ok, err)
	}
}
