package shop

import (
	"github.com/weftmesh/weft/samples/ledger"
)

// KindMail is the kind of records in the outbox's ledger: key order id, value
// a Mail.
const KindMail = "mail"

// Mail tells a customer about an order.
type Mail struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
	Body    string `json:"body"`
}

// Outbox keeps the mail that the shop has sent, one for each order.
type Outbox struct{ file *ledger.File }

// OpenOutbox opens the ledger that url names (file:PATH).
func OpenOutbox(url string) (*Outbox, error) {
	path, err := ledger.Path(url)
	if err != nil {
		return nil, err
	}
	file, err := ledger.Open(path, nil)
	if err != nil {
		return nil, err
	}
	return &Outbox{file}, nil
}

// Close closes the ledger.
func (o *Outbox) Close() error { return o.file.Close() }

// Send puts mail about an order in the outbox. It reports false if mail about
// that order is there already, as after a redelivery, and leaves it.
func (o *Outbox) Send(orderID string, m Mail) (bool, error) {
	sent := false
	err := o.file.Update(func(tx *ledger.Tx) error {
		_, known, err := tx.Find(KindMail, orderID)
		if err != nil || known {
			return err
		}
		sent = true
		return tx.Append(KindMail, orderID, m)
	})
	return sent && err == nil, err
}

// Find returns the mail about an order, if there is any.
func (o *Outbox) Find(orderID string) (Mail, bool, error) {
	var m Mail
	var found bool
	err := o.file.Update(func(tx *ledger.Tx) error {
		r, ok, err := tx.Find(KindMail, orderID)
		if found = ok; err != nil || !ok {
			return err
		}
		return r.Decode(&m)
	})
	return m, found, err
}
