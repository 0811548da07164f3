package shop

import (
	"errors"
	"fmt"
	"html"
)

// Mail tells a customer about an order.
type Mail struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
	// Body is HTML, as the SMTP binding sends it.
	Body string `json:"body"`
}

// ErrStatus says that a decision has a status that none has. No repetition will
// mend it.
var ErrStatus = errors.New("unknown status")

// Compose writes the mail about a decision.
func Compose(d Decision, to Customer) (Mail, error) {
	m := Mail{To: to.Email}
	var text string
	switch d.Status {
	case StatusConfirmed:
		m.Subject = fmt.Sprintf("Order %s confirmed", d.OrderID)
		text = fmt.Sprintf("your order %s is confirmed; its items are set aside for you.", d.OrderID)
	case StatusRejected:
		m.Subject = fmt.Sprintf("Order %s cannot be delivered", d.OrderID)
		text = fmt.Sprintf("we cannot deliver your order %s for this reason: %s.", d.OrderID, d.Reason)
	case StatusError:
		m.Subject = fmt.Sprintf("A problem with order %s", d.OrderID)
		text = fmt.Sprintf("something went wrong with your order %s and we are looking into it: %s.", d.OrderID, d.Reason)
	default:
		return Mail{}, fmt.Errorf("order %s: %w: %q", d.OrderID, ErrStatus, d.Status)
	}
	m.Body = fmt.Sprintf("<p>Hello %s,</p>\n<p>%s</p>\n", html.EscapeString(to.Name), html.EscapeString(text))
	return m, nil
}
