package replica

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// warmConns keeps the connection of a readiness probe for the first call,
// which then need not make its own.
type warmConns struct {
	mu   sync.Mutex
	by   map[string]net.Conn
	over bool
}

// warmFor is how long a connection is kept: a server may close one that is
// idle, and a call must not meet that.
const warmFor = time.Second

func newWarmConns() *warmConns { return &warmConns{by: make(map[string]net.Conn)} }

// keep takes a connection; false if it does not want it.
func (w *warmConns) keep(address string, conn net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return false
	}
	if old := w.by[address]; old != nil {
		_ = old.Close() // of a process before
	}
	w.by[address] = conn
	time.AfterFunc(warmFor, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.by[address] == conn {
			delete(w.by, address)
			_ = conn.Close() // not needed
		}
	})
	return true
}

func (w *warmConns) forget(address string) {
	if conn := w.take(address); conn != nil {
		_ = conn.Close() // its server is gone
	}
}

func (w *warmConns) take(address string) net.Conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	conn := w.by[address]
	delete(w.by, address)
	return conn
}

func (w *warmConns) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	for address, conn := range w.by {
		_ = conn.Close() // nobody will use it
		delete(w.by, address)
	}
}

// loopbackTransport keeps as many connections as there are calls at once. It
// lets idle ones go before servers do (Node.js closes them after 5 s), so that
// no call is sent into a connection that is being closed.
func loopbackTransport(conns *warmConns) *http.Transport {
	d := net.Dialer{Timeout: 5 * time.Second}
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if conn := conns.take(address); conn != nil {
				return conn, nil
			}
			return d.DialContext(ctx, network, address)
		},
		MaxIdleConnsPerHost: 1024,
		IdleConnTimeout:     4 * time.Second,
		DisableCompression:  true,
	}
}
