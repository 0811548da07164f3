// Command orders sends orders to the order mesh on this machine: good ones, and
// some of each kind that goes wrong.
//
//	go run ./samples/order-processing/cmd/orders -n 20 -rate 5
//
// It prints one line for each order: its id, the kind of order, and the answer.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"time"

	"github.com/weftmesh/weft/samples/order-processing/shop"
)

// Bounds of one run.
const (
	mostOrders = 1_000_000
	mostTime   = time.Hour
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "orders:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("orders", flag.ContinueOnError)
	to := flags.String("to", "http://127.0.0.1:8080", "`URL` of the mesh's gateway, on this machine")
	n := flags.Int("n", 10, "how many orders")
	rate := flags.Float64("rate", 10, "orders a second")
	id := flags.String("id", "", "begin the orders' ids with `PREFIX`; sending the same ids again changes nothing")
	kind := flags.String("kind", "", "send orders of one `KIND` only: good, unknown-customer, inactive-customer, out-of-stock or missing-fields")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *n < 1 || *n > mostOrders || *rate <= 0 {
		return fmt.Errorf("-n is %d and -rate %v: 1 to %d orders, at more than 0 a second", *n, *rate, mostOrders)
	}
	target, err := onThisMachine(*to)
	if err != nil {
		return err
	}
	if *id == "" {
		*id = time.Now().Format("order-20060102-150405.000-")
	}
	ctx, cancel := context.WithTimeout(ctx, mostTime)
	defer cancel()
	tick := time.NewTicker(max(time.Duration(float64(time.Second) / *rate), time.Nanosecond))
	defer tick.Stop()
	client := &http.Client{Timeout: time.Minute}
	for i := range *n {
		o, k, err := order(i, *kind)
		if err != nil {
			return err
		}
		orderID := fmt.Sprintf("%s%d", *id, i+1)
		answer, err := send(ctx, client, target, orderID, o)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s  %-17s  %s\n", orderID, k, answer)
		if i == *n-1 {
			break
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

func onThisMachine(to string) (string, error) {
	u, err := url.Parse(to)
	if err != nil {
		return "", err
	}
	ip := net.ParseIP(u.Hostname())
	if u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", fmt.Errorf("-to is %s: orders are sent to this machine only, such as http://127.0.0.1:8080", to)
	}
	return u.JoinPath("orders").String(), nil
}

// kinds of orders; of ten in a row six are good.
var kinds = []string{"good", "good", "unknown-customer", "good", "out-of-stock", "good", "good", "missing-fields", "good", "inactive-customer"}

// order makes the ith order.
func order(i int, kind string) (shop.Order, string, error) {
	if kind == "" {
		kind = kinds[i%len(kinds)]
	}
	o := shop.Order{CustomerID: []string{"c-1", "c-2"}[i%2], Items: []shop.Item{{SKU: "tea-100", Quantity: 1 + i%3}, {SKU: "cup-200", Quantity: 1}}}
	switch kind {
	case "good":
	case "unknown-customer":
		o.CustomerID = "c-404"
	case "inactive-customer":
		o.CustomerID = "c-3"
	case "out-of-stock":
		o.Items[0].SKU = "kettle-400"
	case "missing-fields":
		o.Items = nil
	default:
		return o, kind, fmt.Errorf("-kind is %q: one of good, unknown-customer, inactive-customer, out-of-stock and missing-fields", kind)
	}
	return o, kind, nil
}

func send(ctx context.Context, client *http.Client, to, id string, o shop.Order) (string, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", id)
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("%w; is the mesh running? (weft up)", err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	return fmt.Sprintf("%d %s", resp.StatusCode, bytes.TrimSpace(answer)), err
}
