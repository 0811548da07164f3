// Command notify-user tells customers what became of their orders.
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/samples/order-processing/post"
	"github.com/weftmesh/weft/samples/order-processing/shop"
)

func main() {
	fn.Typed("notifyUser", notifier{post.New()}.notify)
	fn.Main()
}

type notifier struct{ post *post.Post }

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
	mail, again, err := n.post.Notify(ctx, d)
	switch {
	case errors.Is(err, shop.ErrStatus):
		return Receipt{}, fn.Permanent(err)
	case err != nil:
		return Receipt{}, fmt.Errorf("mail about order %s: %w", d.OrderID, err)
	}
	if !again {
		fn.Logger(ctx).Info("notification sent", "orderId", d.OrderID, "status", d.Status)
	}
	return Receipt{OrderID: d.OrderID, To: mail.To, Subject: mail.Subject, Again: again}, nil
}
