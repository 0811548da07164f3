// Package effects sees what an order mesh does to the world: the mail that it
// sends.
package effects

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/weftmesh/weft/samples/order-processing/mailbox"
)

// Box takes the mail of an order mesh and counts it by order. It is safe for
// concurrent use.
type Box struct {
	// Addr is where it takes mail, host:port.
	Addr string
	// Component is a document that has the mesh send its mail here.
	Component string

	server interface{ Close() error }
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

// component is the binding email, of a type and with metadata.
const component = `apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: email}
spec: {type: %s, version: v1, metadata: [%s]}
`

// Open takes mail over SMTP, on a free port of this machine.
func Open() (*Box, error) {
	b, l, err := listen()
	if err != nil {
		return nil, err
	}
	b.server = mailbox.Serve(l, func(m mailbox.Message) error { return b.keep(m.Subject, m.Time) })
	addr := l.Addr().(*net.TCPAddr)
	b.Component = fmt.Sprintf(component, "bindings.smtp", fmt.Sprintf(
		"{name: host, value: %s}, {name: port, value: %q}, {name: emailFrom, value: shop@shop.example}, {name: user, value: shop}, {name: password, value: shop}",
		addr.IP, fmt.Sprint(addr.Port)))
	return b, nil
}

// OpenHTTP takes mail as the body of HTTP requests, over connections that stay:
// what a mail costs a mesh that does not speak SMTP.
func OpenHTTP() (*Box, error) {
	b, l, err := listen()
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: b, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }() // it ends when the box is closed
	b.server = server
	b.Component = fmt.Sprintf(component, "bindings.http", "{name: url, value: http://"+b.Addr+"}")
	return b, nil
}

func listen() (*Box, net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	return &Box{Addr: l.Addr().String(), mail: make(map[string]Mail)}, l, nil
}

// maxBody bounds a mail over HTTP.
const maxBody = 1 << 20

// ServeHTTP takes a mail.
func (b *Box) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err == nil {
		err = b.keep(string(text), time.Now())
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// Close takes no more mail.
func (b *Box) Close() error { return b.server.Close() }

func (b *Box) keep(text string, at time.Time) error {
	id, ok := OrderID(text)
	if !ok {
		return fmt.Errorf("%q is about no order", text)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	mail := b.mail[id]
	if mail.Count++; mail.Count == 1 {
		mail.First = at
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

// OrderID finds the order that mail of the shop is about, in its subject or text.
func OrderID(text string) (string, bool) {
	words := strings.Fields(text)
	for i, word := range words[:max(0, len(words)-1)] {
		if strings.EqualFold(word, "order") {
			return words[i+1], true
		}
	}
	return "", false
}
