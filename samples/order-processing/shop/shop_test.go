package shop

import (
	"strings"
	"testing"
)

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
