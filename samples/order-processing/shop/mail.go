package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"

	"github.com/weftmesh/weft/runtime/binding"
	"github.com/weftmesh/weft/runtime/state"
)

// Mail tells a customer about an order.
type Mail struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
	// Body is HTML, as the SMTP binding sends it.
	Body string `json:"body"`
}

// records of any kind, for reading several kinds in one call.
var (
	records = state.Of[json.RawMessage](StateStore)
	mails   = state.Of[Mail](StateStore)
)

// ErrStatus says that a decision has a status that none has. No repetition will
// mend it.
var ErrStatus = errors.New("unknown status")

// Notify sends mail about a decision, to the customer, or to the shop's desk if
// nobody knows the customer. Asked again about the same order it returns the
// mail that was sent, and again is true.
//
// No mail is lost, and hardly any comes twice: the mail server and the store
// are two systems, and a process that is killed after the one has taken the
// mail and before the other has noted it sends it again.
func Notify(ctx context.Context, d Decision) (m Mail, again bool, err error) {
	keys := []string{mailKey(d.OrderID)}
	if checkName(d.CustomerID) == nil {
		keys = append(keys, customerKey(d.CustomerID))
	}
	found, err := records.GetMany(ctx, keys...)
	if err != nil {
		return Mail{}, false, err
	}
	if raw, ok := found[mailKey(d.OrderID)]; ok {
		err = json.Unmarshal(raw, &m)
		return m, true, err
	}
	c, known := KnownCustomer(d.CustomerID)
	if raw, ok := found[customerKey(d.CustomerID)]; ok {
		known = true
		if err := json.Unmarshal(raw, &c); err != nil {
			return Mail{}, false, fmt.Errorf("customer %s: %w", d.CustomerID, err)
		}
	}
	if !known {
		c = seed.Desk
	}
	if m, err = Compose(d, c); err != nil {
		return Mail{}, false, err
	}
	_, err = binding.Invoke(ctx, MailServer, "create", m.Body, map[string]string{"emailTo": m.To, "subject": m.Subject})
	if err != nil {
		return Mail{}, false, err
	}
	return m, false, mails.Set(ctx, mailKey(d.OrderID), m)
}

// Compose writes the mail about a decision.
func Compose(d Decision, to Customer) (Mail, error) {
	m := Mail{To: to.Email}
	var text string
	switch d.Status {
	case StatusConfirmed:
		m.Subject = fmt.Sprintf("Order %s confirmed", d.OrderID)
		text = "your order is confirmed; its items are set aside for you."
	case StatusRejected:
		m.Subject = fmt.Sprintf("Order %s cannot be delivered", d.OrderID)
		text = "we cannot deliver your order: " + d.Reason + "."
	case StatusError:
		m.Subject = fmt.Sprintf("A problem with order %s", d.OrderID)
		text = "something went wrong with your order, and we are looking into it: " + d.Reason + "."
	default:
		return Mail{}, fmt.Errorf("order %s: %w: %q", d.OrderID, ErrStatus, d.Status)
	}
	m.Body = fmt.Sprintf("<p>Hello %s,</p>\n<p>%s</p>\n", html.EscapeString(to.Name), html.EscapeString(text))
	return m, nil
}
