package shop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"slices"

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

// ErrStatus says that a decision has a status that none has. No repetition will
// mend it.
var ErrStatus = errors.New("unknown status")

// records of any kind, for reading several kinds in one call.
var (
	records = state.Of[json.RawMessage](StateStore)
	mails   = state.Of[Mail](StateStore)
)

// Post sends the mail about decisions. It is safe for concurrent use, and
// several processes may send.
type Post struct {
	looks *together[Decision, file]
	notes *together[note, struct{}]
}

// file is what is known before mail is sent.
type file struct {
	to   Customer
	sent *Mail // nil if none has been sent
}

// note is of mail that has been sent.
type note struct {
	orderID string
	mail    Mail
}

// NewPost returns a post.
func NewPost() *Post { return &Post{newTogether(look), newTogether(remember)} }

// Notify sends mail about a decision, to the customer, or to the shop's desk if
// nobody knows the customer. Asked again about the same order it returns the
// mail that was sent, and again is true.
//
// No mail is lost, and hardly any comes twice: the mail server and the store
// are two systems, and a process that is killed after the one has taken the
// mail and before the other has noted it sends it again.
func (p *Post) Notify(ctx context.Context, d Decision) (m Mail, again bool, err error) {
	f, err := p.looks.ask(ctx, d)
	if err != nil {
		return Mail{}, false, err
	}
	if f.sent != nil {
		return *f.sent, true, nil
	}
	if m, err = Compose(d, f.to); err != nil {
		return Mail{}, false, err
	}
	_, err = binding.Invoke(ctx, MailServer, "create", m.Body, map[string]string{"emailTo": m.To, "subject": m.Subject})
	if err != nil {
		return Mail{}, false, err
	}
	_, err = p.notes.ask(ctx, note{d.OrderID, m})
	return m, false, err
}

// look reads customers and the mail that has been sent.
func look(ctx context.Context, ds []Decision) ([]file, error) {
	keys := make([]string, 0, 2*len(ds))
	for _, d := range ds {
		keys = append(keys, mailKey(d.OrderID))
		if checkName(d.CustomerID) == nil {
			keys = append(keys, customerKey(d.CustomerID))
		}
	}
	slices.Sort(keys)
	found, err := records.GetMany(ctx, slices.Compact(keys)...)
	if err != nil {
		return nil, err
	}
	files := make([]file, len(ds))
	for i, d := range ds {
		f := &files[i]
		if raw, ok := found[mailKey(d.OrderID)]; ok {
			if err := json.Unmarshal(raw, &f.sent); err != nil {
				return nil, fmt.Errorf("mail about order %s: %w", d.OrderID, err)
			}
		}
		if raw, ok := found[customerKey(d.CustomerID)]; ok {
			if err := json.Unmarshal(raw, &f.to); err != nil {
				return nil, fmt.Errorf("customer %s: %w", d.CustomerID, err)
			}
		} else if f.to, ok = KnownCustomer(d.CustomerID); !ok {
			f.to = seed.Desk
		}
	}
	return files, nil
}

// remember notes what has been sent.
func remember(ctx context.Context, notes []note) ([]struct{}, error) {
	if len(notes) == 1 {
		return make([]struct{}, 1), mails.Set(ctx, mailKey(notes[0].orderID), notes[0].mail)
	}
	keys := make([]string, len(notes))
	for i, n := range notes {
		keys[i] = mailKey(n.orderID)
	}
	return make([]struct{}, len(notes)), state.Transaction(ctx, StateStore, keys, func(tx *state.Tx) error {
		for _, n := range notes {
			if err := mails.In(tx).Set(mailKey(n.orderID), n.mail); err != nil {
				return err
			}
		}
		return nil
	})
}

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
