// Package load sends orders to the order mesh at a given rate and says how
// each one fared. It is an open loop: an order is due at a fixed time, however
// slow the answers before it were, and its latency counts from that time
// (so that nothing is hidden by coordinated omission).
package load

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Config of a run. Addr, Prefix and Count are required.
type Config struct {
	// Addr of the gateway, host:port on the loopback interface.
	Addr string
	// Path of the orders; /orders if "".
	Path string
	// Connections to spread the orders over; 1,000 if 0.
	Connections int
	// Rate in orders a second; 0 sends all at once.
	Rate float64
	// Count bounds the run.
	Count int
	// Prefix begins every order's id; the rest is its number.
	Prefix string
	// Persist sends an order that was not accepted again, with the same id,
	// until it is or ctx ends.
	Persist bool
}

// Order is how one order fared.
type Order struct {
	// Due is when it was to be sent.
	Due time.Time
	// Took is the time from Due to the end of the answer.
	Took time.Duration
	// Status of the answer, 0 if there was none.
	Status int
}

// Accepted says whether the mesh took responsibility for the order.
func (o Order) Accepted() bool { return o.Status >= 200 && o.Status < 300 }

// Lead is the time from the call of Run, connections made, to the first order:
// enough for all connections to wait for their turn.
const Lead = 10 * time.Millisecond

const (
	timeout   = 60 * time.Second
	retryWait = 50 * time.Millisecond
)

// Run sends the orders and waits for their answers. Orders are in the sequence
// of their numbers. It ends early, with ctx's error, when ctx ends.
func Run(ctx context.Context, c Config) ([]Order, error) {
	host, _, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("load: %s is not a loopback address: orders are sent to this machine only", c.Addr)
	}
	conns := make([]*conn, min(c.Count, max(1, orElse(c.Connections, 1000))))
	for i := range conns {
		conns[i] = newConn(c)
		if !c.Persist {
			if err := conns[i].dial(); err != nil {
				return nil, fmt.Errorf("load: %w", err)
			}
		}
	}
	orders := make([]Order, c.Count)
	start := time.Now().Add(Lead)
	var wg sync.WaitGroup
	for i, conn := range conns {
		wg.Go(func() {
			defer conn.close()
			for n := i; n < c.Count && ctx.Err() == nil; n += len(conns) {
				o := &orders[n]
				o.Due = start
				if c.Rate > 0 {
					o.Due = start.Add(time.Duration(float64(n) / c.Rate * float64(time.Second)))
				}
				if !sleep(ctx, time.Until(o.Due)) {
					return
				}
				conn.send(ctx, ID(c.Prefix, n), c.Persist, o)
			}
		})
	}
	wg.Wait()
	return orders, ctx.Err()
}

func orElse(n, other int) int {
	if n == 0 {
		return other
	}
	return n
}

// ID is the order id of number n.
func ID(prefix string, n int) string { return fmt.Sprintf("%s%08d", prefix, n) }

// Number gives n back, and false for an id with another prefix.
func Number(prefix, id string) (int, bool) {
	digits, ok := strings.CutPrefix(id, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	return n, err == nil && n >= 0
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// conn is one client: a connection that sends one order after the other. It
// writes requests from prepared bytes, since a client library would cost more
// than the mesh under test.
type conn struct {
	addr string
	head []byte // up to the order id
	tail []byte // from there
	buf  []byte
	c    net.Conn
	br   *bufio.Reader
}

const body = `{"customerId":"c-1","items":[{"sku":"tea-100","quantity":1}]}`

func newConn(c Config) *conn {
	path := c.Path
	if path == "" {
		path = "/orders"
	}
	return &conn{
		addr: c.Addr,
		head: fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nIdempotency-Key: ",
			path, c.Addr, len(body)),
		tail: []byte("\r\n\r\n" + body),
	}
}

func (c *conn) dial() error {
	nc, err := net.DialTimeout("tcp", c.addr, timeout)
	if err != nil {
		return err
	}
	c.c, c.br = nc, bufio.NewReaderSize(nc, 1<<10)
	return nil
}

func (c *conn) close() {
	if c.c != nil {
		_ = c.c.Close()
		c.c = nil
	}
}

func (c *conn) send(ctx context.Context, id string, persist bool, o *Order) {
	for {
		status, err := c.post(id)
		if err != nil {
			c.close()
		}
		o.Status, o.Took = status, time.Since(o.Due)
		if !persist || o.Accepted() || !sleep(ctx, retryWait) {
			return
		}
	}
}

func (c *conn) post(id string) (int, error) {
	if c.c == nil {
		if err := c.dial(); err != nil {
			return 0, err
		}
	}
	if err := c.c.SetDeadline(time.Now().Add(timeout)); err != nil {
		return 0, err
	}
	c.buf = append(append(append(c.buf[:0], c.head...), id...), c.tail...)
	if _, err := c.c.Write(c.buf); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(c.br, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return 0, err
	}
	if resp.Close {
		c.close()
	}
	return resp.StatusCode, nil
}
