// Package post sends the mail about decided orders.
package post

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/weftmesh/weft/runtime/binding"
	"github.com/weftmesh/weft/runtime/state"
	"github.com/weftmesh/weft/samples/order-processing/internal/together"
	"github.com/weftmesh/weft/samples/order-processing/shop"
)

var (
	// records of any kind, as they are stored: several kinds in one call.
	records = state.Of[[]byte](shop.StateStore)
	mails   = state.Of[shop.Mail](shop.StateStore)
)

// Post sends the mail about decisions. It is safe for concurrent use, and
// several processes may send.
type Post struct {
	looks *together.Group[shop.Decision, file]
	notes *together.Group[note, struct{}]
	// customers that look has read. They hardly change, and mail that goes to
	// the address of some seconds ago is as if the order had come then.
	customers *together.Recent[shop.Customer]
}

// file is what is known before mail is sent.
type file struct {
	to   shop.Customer
	sent *shop.Mail // nil if none has been sent
}

// note is of mail that has been sent.
type note struct {
	orderID string
	mail    shop.Mail
}

// New returns a post.
func New() *Post {
	p := &Post{notes: together.New(remember), customers: together.NewRecent[shop.Customer]()}
	p.looks = together.New(p.look)
	return p
}

// Notify sends mail about a decision, to the customer, or to the shop's desk if
// nobody knows the customer. Asked again about the same order it returns the
// mail that was sent, and again is true.
//
// No mail is lost, and hardly any comes twice: the mail server and the store
// are two systems, and a process that is killed after the one has taken the
// mail and before the other has noted it sends it again.
func (p *Post) Notify(ctx context.Context, d shop.Decision) (m shop.Mail, again bool, err error) {
	f, err := p.looks.Ask(ctx, d)
	if err != nil {
		return shop.Mail{}, false, err
	}
	if f.sent != nil {
		return *f.sent, true, nil
	}
	if m, err = shop.Compose(d, f.to); err != nil {
		return shop.Mail{}, false, err
	}
	_, err = binding.Invoke(ctx, shop.MailServer, "create", m.Body, map[string]string{"emailTo": m.To, "subject": m.Subject})
	if err != nil {
		return shop.Mail{}, false, err
	}
	_, err = p.notes.Ask(ctx, note{d.OrderID, m})
	return m, false, err
}

// look reads the mail that has been sent, and customers.
func (p *Post) look(ctx context.Context, ds []shop.Decision) ([]file, error) {
	known := make(map[string]shop.Customer)
	keys := make([]string, 0, 2*len(ds))
	for _, d := range ds {
		keys = append(keys, shop.MailKey(d.OrderID))
		if c, ok := p.customers.Get(d.CustomerID); ok {
			known[d.CustomerID] = c
		} else if shop.CheckID(d.CustomerID) == nil {
			keys = append(keys, shop.CustomerKey(d.CustomerID))
		}
	}
	slices.Sort(keys)
	found, err := records.GetMany(ctx, slices.Compact(keys)...)
	if err != nil {
		return nil, err
	}
	files := make([]file, len(ds))
	for i, d := range ds {
		f, ok := &files[i], false
		if f.to, ok = known[d.CustomerID]; !ok {
			if f.to, err = p.customer(d.CustomerID, found); err != nil {
				return nil, fmt.Errorf("customer %s: %w", d.CustomerID, err)
			}
		}
		if raw, ok := found[shop.MailKey(d.OrderID)]; ok {
			if err := json.Unmarshal(raw, &f.sent); err != nil {
				return nil, fmt.Errorf("mail about order %s: %w", d.OrderID, err)
			}
		}
	}
	return files, nil
}

// customer finds a customer in what was read, else in the catalogue, else it is
// the desk.
func (p *Post) customer(id string, read map[string][]byte) (c shop.Customer, err error) {
	raw, ok := read[shop.CustomerKey(id)]
	if ok {
		if err = json.Unmarshal(raw, &c); err == nil {
			p.customers.Put(id, c)
		}
		return c, err
	}
	if c, ok = shop.KnownCustomer(id); !ok {
		c = shop.Desk()
	}
	return c, nil
}

// remember notes what has been sent. It need not look first: whoever else has
// sent mail about the order has sent the same.
func remember(ctx context.Context, notes []note) ([]struct{}, error) {
	sent := make(map[string]shop.Mail, len(notes))
	for _, n := range notes {
		sent[shop.MailKey(n.orderID)] = n.mail
	}
	return make([]struct{}, len(notes)), mails.SetMany(ctx, sent)
}
