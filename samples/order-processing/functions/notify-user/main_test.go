package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/samples/order-processing/shop"
)

func TestNotify(t *testing.T) {
	tests := map[string]struct {
		reason   string
		decision shop.Decision
		to, says string // "" for no mail
		kind     fntest.Kind
	}{
		"confirmed": {"the customer is told", shop.Decision{CustomerID: "c-1", Status: shop.StatusConfirmed}, "ada@customers.example", "is confirmed", fntest.KindOutput},
		"rejected":  {"with the reason", shop.Decision{CustomerID: "c-2", Status: shop.StatusRejected, Reason: "out of stock: tea"}, "bo@customers.example", "out of stock: tea", fntest.KindOutput},
		"error":     {"with the reason", shop.Decision{CustomerID: "c-1", Status: shop.StatusError, Reason: "no items"}, "ada@customers.example", "no items", fntest.KindOutput},
		"a stranger": {"nobody knows the address: the desk is told",
			shop.Decision{CustomerID: "c-9", Status: shop.StatusRejected, Reason: "unknown customer"}, "desk@shop.example", "unknown customer", fntest.KindOutput},
		"odd status": {"no attempt would help", shop.Decision{CustomerID: "c-1", Status: "lost"}, "", "", fntest.KindFinal},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			outbox, err := shop.OpenOutbox("file:" + filepath.Join(t.TempDir(), "l"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = outbox.Close() }()
			h := fntest.New(t)
			fntest.Typed(h, "notifyUser", notifier{outbox}.notify)
			tc.decision.OrderID = "o-1"
			for attempt := range 2 { // as when the first answer was lost
				out := h.Deliver(tc.decision)
				if out.Kind != tc.kind {
					t.Fatalf("%s: %+v", tc.reason, out)
				}
				if tc.kind != fntest.KindOutput {
					continue
				}
				if r := fntest.OutputAs[Receipt](t, out); r.To != tc.to || r.Again != (attempt == 1) {
					t.Errorf("%s (attempt %d): %+v", tc.reason, attempt+1, r)
				}
			}
			mail, sent, err := outbox.Find("o-1")
			if err != nil || sent != (tc.to != "") {
				t.Fatalf("%s: sent %v, %v", tc.reason, sent, err)
			}
			if mail.To != tc.to || !strings.Contains(mail.Body, tc.says) {
				t.Errorf("%s: %+v", tc.reason, mail)
			}
		})
	}
}
