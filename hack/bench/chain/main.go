// Command chain is one of three bare net/http services that call each other in
// a row and do what the functions of the order sample do: the floor that a
// mesh cannot go below, and the article's "microservices".
//
//	chain ingest|validate|notify LEDGER [NEXT]
//
// It prints its address once it listens, and ends when its standard input
// does.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
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
	if len(args) < 2 {
		return fmt.Errorf("usage: chain ingest|validate|notify|hello LEDGER [NEXT]")
	}
	next := &caller{client: &http.Client{Transport: &http.Transport{MaxIdleConns: 2000, MaxIdleConnsPerHost: 2000}}}
	if len(args) > 2 {
		next.url = args[2]
	}
	var h http.HandlerFunc
	switch args[0] {
	case "ingest":
		h = ingest(next)
	case "validate":
		stock, err := shop.OpenStock(args[1], map[string]int{"tea-100": 1 << 40})
		if err != nil {
			return err
		}
		h = validate(stock, next)
	case "notify":
		box, err := shop.OpenOutbox(args[1])
		if err != nil {
			return err
		}
		h = notify(box)
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

func validate(stock *shop.Stock, next *caller) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var o shop.Order
		if !read(w, r, &o) {
			return
		}
		d, err := stock.Decide(o)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if next.call(w, d) {
			answer(w, d)
		}
	}
}

func notify(box *shop.Outbox) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var d shop.Decision
		if !read(w, r, &d) {
			return
		}
		mail, err := shop.Compose(d)
		if err == nil {
			_, err = box.Send(d.OrderID, mail)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
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
