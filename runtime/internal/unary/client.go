package unary

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// connectTime bounds how long a connection may take to be made.
const connectTime = 5 * time.Second

// Client calls a server. Its fields are set before the first call. It is safe
// for concurrent use.
type Client struct {
	// Dial makes a connection. For TLS it makes the handshake too, with "h2"
	// negotiated.
	Dial func(context.Context) (net.Conn, error)
	// Scheme is "http" or "https", Authority the host that is called.
	Scheme, Authority string
	// UserAgent that is told to the server.
	UserAgent string
	// MaxAnswer bounds an answer in bytes.
	MaxAnswer int

	mu     sync.Mutex
	conn   *conn
	making *making
	closed bool
}

// Header is a field that goes with a call. A value that differs from call to
// call is not worth remembering on either side.
type Header struct {
	Name, Value string
	Varies      bool
}

// making is an attempt to connect that several calls may wait for.
type making struct {
	done chan struct{}
	conn *conn
	err  error
}

// Call sends a message to a method, such as /package.Service/Method, and
// returns the answer. Its errors are of type *Status. A call that the server
// has not begun with is made again, once.
func (c *Client) Call(ctx context.Context, method string, header []Header, message []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fromContext(err)
	}
	for first := true; ; first = false {
		conn, status := c.connection(ctx)
		if status != nil {
			return nil, status
		}
		answer, status := conn.call(ctx, method, header, message)
		switch {
		case status == nil:
			return answer, nil
		case !status.untouched || !first || ctx.Err() != nil:
			return nil, status
		}
	}
}

// Close ends the connection. Calls under way fail.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.conn != nil {
		c.conn.fail(errClosed)
		c.conn = nil
	}
	return nil
}

var errClosed = errors.New("the client is closed")

// connection returns one that takes calls. Who comes while one is being made
// waits for that.
func (c *Client) connection(ctx context.Context) (*conn, *Status) {
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return nil, &Status{Code: Canceled, Message: errClosed.Error()}
	}
	if c.conn != nil && c.conn.usable() {
		defer c.mu.Unlock()
		return c.conn, nil
	}
	m := c.making
	if m == nil {
		m = &making{done: make(chan struct{})}
		c.making = m
		go c.connect(m)
	}
	c.mu.Unlock()
	select {
	case <-m.done:
		if m.err != nil {
			return nil, unavailable("connecting: %v", m.err)
		}
		return m.conn, nil
	case <-ctx.Done():
		return nil, fromContext(ctx.Err())
	}
}

// connect is not the matter of one call: others may wait for it too.
func (c *Client) connect(m *making) {
	ctx, cancel := context.WithTimeout(context.Background(), connectTime)
	defer cancel()
	nc, err := c.Dial(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.making = nil
	if err == nil {
		m.conn = newConn(nc, c)
		if c.closed {
			m.conn.fail(errClosed)
		}
		c.conn = m.conn
	}
	m.err = err
	close(m.done)
}
