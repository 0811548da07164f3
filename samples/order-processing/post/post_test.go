package post

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/samples/order-processing/shop"
)

func TestNotifyOnce(t *testing.T) {
	h, p := fntest.New(t), New()
	for i, again := range []bool{false, true} {
		d := shop.Decision{OrderID: "o-1", CustomerID: "c-1", Status: shop.StatusRejected, Reason: fmt.Sprintf("<%d>", i)}
		m, got, err := p.Notify(h.Context(), d)
		if err != nil || got != again || m.To != "ada@customers.example" || !strings.Contains(m.Body, "&lt;0&gt;") {
			t.Errorf("call %d: %+v, again %v, %v, want the first mail", i+1, m, got, err)
		}
	}
	if n := len(h.Bound(shop.MailServer)); n != 1 {
		t.Errorf("%d mails were sent, want 1", n)
	}
}

func TestMailServerThatFails(t *testing.T) {
	h, p := fntest.New(t), New()
	d := shop.Decision{OrderID: "o-1", CustomerID: "c-1", Status: shop.StatusConfirmed}
	h.FailNext(shop.MailServer, 1, errors.New("421 come again"))
	if _, _, err := p.Notify(h.Context(), d); err == nil {
		t.Error("no error though the mail was not taken")
	}
	if _, again, err := p.Notify(h.Context(), d); err != nil || again {
		t.Errorf("the next attempt: again %v, %v: want the mail sent", again, err)
	}
}
