// Command chain is one of three bare net/http services that call each other in
// a row and do what the functions of the order sample do: the floor that a
// mesh cannot go below, and the article's "microservices".
//
//	chain ingest|validate|notify|hello [NEXT]
//
// They keep their state in memory, where a restart loses it. NEXT is the next
// service's URL, for notify the address of an SMTP server. It prints its address once it listens, and ends when its standard input
// does.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/smtp"
	"os"
	"sync"
	"time"

	"github.com/weftmesh/weft/samples/order-processing/shop"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "chain:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 1 {
		return fmt.Errorf("usage: chain ingest|validate|notify|hello [NEXT]")
	}
	next := &caller{client: &http.Client{Transport: &http.Transport{MaxIdleConns: 2000, MaxIdleConnsPerHost: 2000}}}
	if len(args) > 1 {
		next.url = args[1]
	}
	var h http.HandlerFunc
	switch args[0] {
	case "ingest":
		h = ingest(next)
	case "validate":
		h = (&books{decided: make(map[string]shop.Decision), stock: map[string]*shop.Stock{"tea-100": {Available: 1 << 40}}}).validate(next)
	case "notify":
		h = notify(next.url)
	case "hello":
		h = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello\n") }
	default:
		return fmt.Errorf("%q is none of ingest, validate, notify and hello", args[0])
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // ends when whoever started it does
		os.Exit(0)
	}()
	fmt.Println(l.Addr())
	return http.Serve(l, h)
}

func ingest(next *caller) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var o shop.Order
		if !read(w, r, &o) {
			return
		}
		if err := o.Check(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		o.OrderID = r.Header.Get("Idempotency-Key")
		o.Timestamp, o.Status = time.Now().UTC(), shop.StatusPending
		if next.call(w, o) {
			answer(w, map[string]string{"orderId": o.OrderID, "status": "processing"})
		}
	}
}

// books are what the shop keeps, in memory.
type books struct {
	mu      sync.Mutex
	stock   map[string]*shop.Stock
	decided map[string]shop.Decision
}

func (b *books) decide(o shop.Order) shop.Decision {
	b.mu.Lock()
	defer b.mu.Unlock()
	d, known := b.decided[o.OrderID]
	if known {
		return d
	}
	for _, item := range o.Items {
		if b.stock[item.SKU] == nil {
			b.stock[item.SKU] = new(shop.Stock)
		}
	}
	c, known := shop.KnownCustomer(o.CustomerID)
	d = shop.Decide(o, c, known, b.stock)
	for _, item := range o.Items {
		delete(b.stock[item.SKU].Held, d.Try)
	}
	b.decided[o.OrderID] = d
	return d
}

func (b *books) validate(next *caller) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var o shop.Order
		if !read(w, r, &o) {
			return
		}
		d := b.decide(o)
		if next.call(w, d) {
			answer(w, d)
		}
	}
}

func notify(server string) http.HandlerFunc {
	var sent sync.Map
	return func(w http.ResponseWriter, r *http.Request) {
		var d shop.Decision
		if !read(w, r, &d) {
			return
		}
		if _, again := sent.Load(d.OrderID); !again {
			c, _ := shop.KnownCustomer(d.CustomerID)
			m, err := shop.Compose(d, c)
			if err == nil {
				err = smtp.SendMail(server, nil, "shop@shop.example", []string{m.To},
					fmt.Appendf(nil, "To: %s\r\nSubject: %s\r\nContent-Type: text/html\r\n\r\n%s", m.To, m.Subject, m.Body))
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			sent.Store(d.OrderID, true)
		}
		answer(w, struct{}{})
	}
}

func read(w http.ResponseWriter, r *http.Request, v any) bool {
	if err := json.NewDecoder(r.Body).Decode(v); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the caller has gone: nothing to do
}

type caller struct {
	client *http.Client
	url    string
}

// call posts v to the next service; if that fails the answer has been given.
func (c *caller) call(w http.ResponseWriter, v any) bool {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return false
	}
	resp, err := c.client.Post(c.url, "application/json", bytes.NewReader(b))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return false
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		http.Error(w, resp.Status, http.StatusBadGateway)
		return false
	}
	return true
}
