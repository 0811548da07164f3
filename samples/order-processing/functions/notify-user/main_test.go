package main

import (
	"strings"
	"testing"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/samples/order-processing/post"
	"github.com/weftmesh/weft/samples/order-processing/shop"
)

func TestNotify(t *testing.T) {
	tests := map[string]struct {
		reason   string
		decision shop.Decision
		to, says string // "" for no mail
		kind     fntest.Kind
	}{
		"confirmed": {"the customer is told", shop.Decision{CustomerID: "c-1", Status: shop.StatusConfirmed}, "ada@customers.example", "your order o-1 is confirmed", fntest.KindOutput},
		"rejected":  {"with the reason", shop.Decision{CustomerID: "c-2", Status: shop.StatusRejected, Reason: "out of stock: tea"}, "bo@customers.example", "out of stock: tea", fntest.KindOutput},
		"error":     {"with the reason", shop.Decision{CustomerID: "c-1", Status: shop.StatusError, Reason: "no items"}, "ada@customers.example", "no items", fntest.KindOutput},
		"moved":     {"the store knows the address", shop.Decision{CustomerID: "c-7", Status: shop.StatusConfirmed}, "di@customers.example", "Hello Di", fntest.KindOutput},
		"a stranger": {"nobody knows the address: the desk is told",
			shop.Decision{CustomerID: "c-9", Status: shop.StatusRejected, Reason: "unknown customer"}, "desk@shop.example", "unknown customer", fntest.KindOutput},
		"no name at all": {"no key can be made of it: the desk is told",
			shop.Decision{CustomerID: "a||b", Status: shop.StatusError, Reason: "customerId"}, "desk@shop.example", "customerId", fntest.KindOutput},
		"markup":     {"mail is HTML, and customers do not write it", shop.Decision{CustomerID: "c-1", Status: shop.StatusError, Reason: "<b>"}, "ada@customers.example", "&lt;b&gt;", fntest.KindOutput},
		"odd status": {"no attempt would help", shop.Decision{CustomerID: "c-1", Status: "lost"}, "", "", fntest.KindFinal},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := fntest.New(t)
			h.SetState(shop.StateStore, "customer/c-7", shop.Customer{Name: "Di", Email: "di@customers.example", Active: true})
			fntest.Typed(h, "notifyUser", notifier{post.New()}.notify)
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
			sent := h.Bound(shop.MailServer)
			if tc.to == "" {
				if len(sent) != 0 {
					t.Errorf("%s: sent %+v", tc.reason, sent)
				}
				return
			}
			if len(sent) != 1 {
				t.Fatalf("%s: %d mails, want 1", tc.reason, len(sent))
			}
			if m := sent[0]; m.Operation != "create" || m.Metadata["emailTo"] != tc.to || m.Metadata["subject"] == "" || !strings.Contains(string(m.Data), tc.says) {
				t.Errorf("%s: %+v %s", tc.reason, m, m.Data)
			}
		})
	}
}

func TestMailServerThatIsDown(t *testing.T) {
	h := fntest.New(t)
	h.StubBinding(shop.MailServer, func(fntest.Invocation) (any, error) { return nil, errDown })
	fntest.Typed(h, "notifyUser", notifier{post.New()}.notify)
	out := h.Deliver(shop.Decision{OrderID: "o-1", CustomerID: "c-1", Status: shop.StatusConfirmed})
	if out.Kind != fntest.KindRetry {
		t.Errorf("%+v, want a retry", out)
	}
}

type down string

func (d down) Error() string { return string(d) }

const errDown = down("connection refused")
