// Package effects sees what an order mesh does to the world: the mail that it
// sends.
package effects

import (
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/weftmesh/weft/samples/order-processing/mailbox"
)

// Box is a mail server that counts the mail about each order. It is safe for
// concurrent use.
type Box struct {
	// Addr is where it takes mail, host:port.
	Addr string

	server *smtp.Server
	mu     sync.Mutex
	mail   map[string]Mail
	again  int
}

// Mail is what came about an order.
type Mail struct {
	// First is when the first of it was there.
	First time.Time
	Count int
}

// Open takes mail on a free port of this machine.
func Open() (*Box, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &Box{Addr: l.Addr().String(), mail: make(map[string]Mail)}
	b.server = mailbox.Serve(l, b.keep)
	return b, nil
}

// Close takes no more mail.
func (b *Box) Close() error { return b.server.Close() }

func (b *Box) keep(m mailbox.Message) error {
	id, ok := OrderID(m.Subject)
	if !ok {
		return fmt.Errorf("%q is about no order", m.Subject)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	mail := b.mail[id]
	if mail.Count++; mail.Count == 1 {
		mail.First = m.Time
	} else {
		b.again++
	}
	b.mail[id] = mail
	return nil
}

// About returns what came about an order.
func (b *Box) About(orderID string) Mail {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.mail[orderID]
}

// Orders returns how many orders there is mail about, and how many mails there
// are beyond one for each.
func (b *Box) Orders() (orders, repeats int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.mail), b.again
}

// OrderID finds the order that mail of the shop is about, by its subject.
func OrderID(subject string) (string, bool) {
	words := strings.Fields(subject)
	for i, word := range words[:max(0, len(words)-1)] {
		if strings.EqualFold(word, "order") {
			return words[i+1], true
		}
	}
	return "", false
}
