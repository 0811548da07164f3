package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/samples/order-processing/shop"
)

func TestIngest(t *testing.T) {
	tests := map[string]struct {
		reason string
		body   string
		key    string
		status int
		says   string // part of the answer
	}{
		"good":              {"handed on, answered at once", `{"customerId":"c-1","items":[{"sku":"tea-100","quantity":2}]}`, "o-1", 200, `"status":"processing"`},
		"no key":            {"an id is made", `{"customerId":"c-1","items":[{"sku":"tea-100","quantity":2}]}`, "", 200, `"orderId":"`},
		"no customer":       {"missing fields", `{"items":[{"sku":"tea-100","quantity":2}]}`, "o-1", 400, "missing required fields"},
		"no items":          {"missing fields", `{"customerId":"c-1"}`, "o-1", 400, "missing required fields"},
		"bad quantity":      {"stock must not grow by an order", `{"customerId":"c-1","items":[{"sku":"tea-100","quantity":-2}]}`, "o-1", 400, "items[0].quantity"},
		"not JSON":          {"the client learns what is wrong", `order please`, "o-1", 400, "not an order in JSON"},
		"too much":          {"bodies are bounded", `{"customerId":"` + strings.Repeat("x", maxBody) + `"}`, "o-1", 400, "too large"},
		"a long key":        {"ids are bounded", `{"customerId":"c-1","items":[{"sku":"tea-100","quantity":2}]}`, strings.Repeat("x", 101), 400, "at most 100"},
		"no key of a store": {"an id is part of keys", `{"customerId":"c-1","items":[{"sku":"tea-100","quantity":2}]}`, "a||b", 400, "must not hold"},
		"own order id?":     {"a client does not choose it in the body", `{"orderId":"evil","customerId":"c-1","items":[{"sku":"tea-100","quantity":2}]}`, "o-1", 200, `"orderId":"o-1"`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := fntest.New(t)
			fntest.HTTP(h, "ingestOrder", http.HandlerFunc(ingest))
			req := httptest.NewRequest(http.MethodPost, "/orders", strings.NewReader(tc.body))
			if tc.key != "" {
				req.Header.Set("Idempotency-Key", tc.key)
			}
			a := h.Do(req)
			if a.StatusCode != tc.status || !strings.Contains(string(a.Body), tc.says) {
				t.Errorf("%s: %d %s, want %d and %q", tc.reason, a.StatusCode, a.Body, tc.status, tc.says)
			}
			orders := fntest.EmittedAs[shop.Order](h, "validateInventory")
			if tc.status != 200 {
				if len(orders) > 0 {
					t.Errorf("%s: handed on nevertheless: %+v", tc.reason, orders)
				}
				return
			}
			var reply shop.Order
			if err := json.Unmarshal(a.Body, &reply); err != nil {
				t.Fatal(err)
			}
			want := []shop.Order{{OrderID: reply.OrderID, CustomerID: "c-1", Items: []shop.Item{{SKU: "tea-100", Quantity: 2}}, Status: shop.StatusPending}}
			if diff := cmp.Diff(want, orders, cmpopts.IgnoreFields(shop.Order{}, "Timestamp")); diff != "" {
				t.Errorf("%s: handed on (-want +got):\n%s", tc.reason, diff)
			}
			if len(orders) == 1 && orders[0].Timestamp.IsZero() {
				t.Error("no timestamp")
			}
		})
	}
}

func TestFullQueue(t *testing.T) {
	h := fntest.New(t)
	fntest.HTTP(h, "ingestOrder", http.HandlerFunc(ingest))
	h.SetSink(http.StatusServiceUnavailable)
	a := h.Request(http.MethodPost, "/orders", shop.Order{CustomerID: "c-1", Items: []shop.Item{{SKU: "tea-100", Quantity: 1}}})
	if a.StatusCode != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Errorf("an order that could not be stored is answered %d, Retry-After %q: want 503 and when to come again", a.StatusCode, a.Header.Get("Retry-After"))
	}
}
