// Command notify-user tells customers what became of their orders.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/samples/order-processing/shop"
)

func main() {
	outbox, err := shop.OpenOutbox(cmp.Or(os.Getenv("SMTP_HOST"), shop.DefaultOutbox))
	if err != nil {
		fmt.Fprintln(os.Stderr, "SMTP_HOST:", err)
		os.Exit(1)
	}
	fn.Typed("notifyUser", notifier{outbox}.notify)
	fn.Main()
}

type notifier struct{ outbox *shop.Outbox }

// Receipt says what notifyUser did.
type Receipt struct {
	OrderID string `json:"orderId"`
	To      string `json:"to"`
	Subject string `json:"subject"`
	// Again says that mail about the order had been sent before.
	Again bool `json:"again,omitempty"`
}

// notify may be called again with the same decision: mail goes out once.
func (n notifier) notify(ctx context.Context, d shop.Decision) (Receipt, error) {
	mail, err := shop.Compose(d)
	if err != nil {
		return Receipt{}, fn.Permanent(err)
	}
	first, err := n.outbox.Send(d.OrderID, mail)
	if err != nil {
		return Receipt{}, fmt.Errorf("mail about order %s: %w", d.OrderID, err)
	}
	if first {
		fn.Logger(ctx).Info("notification sent", "orderId", d.OrderID, "status", d.Status)
	}
	return Receipt{OrderID: d.OrderID, To: mail.To, Subject: mail.Subject, Again: !first}, nil
}
