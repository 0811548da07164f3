package shop

import "fmt"

// Compose writes the mail about a decision: to the customer, or to the shop's
// desk if nobody knows the customer. A status that no decision has is an
// error, and no repetition will mend it.
func Compose(d Decision) (Mail, error) {
	m := Mail{To: Desk()}
	name := "desk"
	if c, ok := FindCustomer(d.CustomerID); ok {
		m.To, name = c.Email, c.Name
	}
	var body string
	switch d.Status {
	case StatusConfirmed:
		m.Subject = fmt.Sprintf("Order %s confirmed", d.OrderID)
		body = "your order is confirmed; its items are set aside for you."
	case StatusRejected:
		m.Subject = fmt.Sprintf("Order %s cannot be delivered", d.OrderID)
		body = "we cannot deliver your order: " + d.Reason + "."
	case StatusError:
		m.Subject = fmt.Sprintf("A problem with order %s", d.OrderID)
		body = "something went wrong with your order, and we are looking into it: " + d.Reason + "."
	default:
		return Mail{}, fmt.Errorf("order %s: unknown status %q", d.OrderID, d.Status)
	}
	m.Body = fmt.Sprintf("Hello %s,\n%s\n", name, body)
	return m, nil
}
