package effects

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/samples/order-processing/shop"
)

// TestBalance proves that the proof can fail.
func TestBalance(t *testing.T) {
	confirmed := func(id string) shop.Decision {
		return shop.Decision{OrderID: id, Valid: true, Try: "try", Checks: []shop.StockCheck{{SKU: "tea", Requested: 1}}}
	}
	rejected := func(id string) shop.Decision {
		return shop.Decision{OrderID: id, Checks: []shop.StockCheck{{SKU: "tea", Requested: 1}}}
	}
	hold := map[string]shop.Hold{"try": {OrderID: "a", Pieces: 1}}
	late := map[string]shop.Hold{"late": {OrderID: "a", Pieces: 1}}
	tests := map[string]struct {
		reason   string
		orders   []shop.Decision
		tea      shop.Stock // of 10
		stranded []string
		want     string // part of the error, "" for none
	}{
		"even":             {"one piece each", []shop.Decision{confirmed("a"), confirmed("b"), rejected("c")}, shop.Stock{Available: 8}, nil, ""},
		"remembered":       {"the stock need not have forgotten", []shop.Decision{confirmed("a")}, shop.Stock{Available: 9, Held: hold}, nil, ""},
		"not yet back":     {"another has rejected it", []shop.Decision{rejected("a")}, shop.Stock{Available: 9, Held: hold}, nil, ""},
		"came too late":    {"by a try whose decision is not the one that is filed", []shop.Decision{confirmed("a")}, shop.Stock{Available: 8, Held: late}, nil, ""},
		"sold for nothing": {"only such a try holds pieces", []shop.Decision{confirmed("a")}, shop.Stock{Available: 9, Held: late}, nil, "1 pieces are gone, 1 are sold and 1 held"},
		"never filed":      {"its decision failed for good", nil, shop.Stock{Available: 9, Held: hold}, []string{"a"}, ""},
		"taken twice":      {"one order, two pieces", []shop.Decision{confirmed("a")}, shop.Stock{Available: 8}, nil, "2 pieces are gone, 1 are sold"},
		"never taken":      {"promised, not reserved", []shop.Decision{confirmed("a")}, shop.Stock{Available: 10}, nil, "0 pieces are gone, 1 are sold"},
		"taken and held":   {"one order, two pieces", []shop.Decision{confirmed("a")}, shop.Stock{Available: 8, Held: hold}, nil, "2 pieces are gone, 1 are sold"},
		"another's paper":  {"filed under a wrong key", []shop.Decision{{OrderID: ""}}, shop.Stock{Available: 10}, nil, "is about order"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b := Books{Orders: make(map[string]shop.Decision), Stock: map[string]shop.Stock{"tea": tc.tea}}
			for _, d := range tc.orders {
				b.Orders[d.OrderID+strings.Repeat("?", 1-min(1, len(d.OrderID)))] = d
			}
			stranded, err := b.Balance(map[string]int{"tea": 10})
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: err = %v, want %q", tc.reason, err, tc.want)
			}
			if diff := cmp.Diff(tc.stranded, stranded); diff != "" {
				t.Errorf("%s: stranded (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
