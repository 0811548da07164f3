package effects

import (
	"net/http"
	"net/smtp"
	"strings"
	"testing"

	"github.com/weftmesh/weft/samples/order-processing/shop"
)

func TestBoxCountsMailOfTheShop(t *testing.T) {
	b, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	for _, d := range []shop.Decision{
		{OrderID: "a-1", Status: shop.StatusConfirmed}, {OrderID: "a-2", Status: shop.StatusRejected},
		{OrderID: "a-3", Status: shop.StatusError}, {OrderID: "a-1", Status: shop.StatusConfirmed},
	} {
		m, err := shop.Compose(d, shop.Customer{Name: "Ada", Email: "ada@customers.example"})
		if err != nil {
			t.Fatal(err)
		}
		err = smtp.SendMail(b.Addr, nil, "shop@shop.example", []string{m.To}, []byte("Subject: "+m.Subject+"\r\n\r\n"+m.Body))
		if err != nil {
			t.Fatal(err)
		}
	}
	if orders, repeats := b.Orders(); orders != 3 || repeats != 1 {
		t.Errorf("%d orders, %d repeats, want 3 and 1", orders, repeats)
	}
	if m := b.About("a-1"); m.Count != 2 || m.First.IsZero() {
		t.Errorf("a-1: %+v", m)
	}
	err = smtp.SendMail(b.Addr, nil, "a@b.example", []string{"c@d.example"}, []byte("Subject: lottery\r\n\r\n"))
	if err == nil {
		t.Error("mail about no order was taken")
	}
}

func TestBoxTakesMailOverHTTP(t *testing.T) {
	b, err := OpenHTTP()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	for i, status := range []string{shop.StatusConfirmed, shop.StatusRejected, shop.StatusError} {
		m, err := shop.Compose(shop.Decision{OrderID: string(rune('a' + i)), Status: status, Reason: "no <reason>"}, shop.Customer{Name: "Ada"})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.Post("http://"+b.Addr, "text/html", strings.NewReader(m.Body))
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%v, %v", resp, err)
		}
		_ = resp.Body.Close()
		if id := string(rune('a' + i)); b.About(id).Count != 1 {
			t.Errorf("%s: no mail about order %s", status, id)
		}
	}
}
