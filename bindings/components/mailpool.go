package components

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

const (
	// mailConns is how many connections one binding has to its server; mail
	// servers refuse a client that has many. Mails wait for one.
	mailConns = 8
	// mailIdle is how long a connection is kept without a mail.
	mailIdle = 10 * time.Second
	// mailEach is how many mails go over one connection; servers have limits.
	mailEach = 100
)

// mailPool has the connections of a mailer.
type mailPool struct {
	server mailServer
	// busy has an entry for each mail that is being sent.
	busy chan struct{}

	mu     sync.Mutex
	idle   []*mailConn // the one used last is the last
	closed bool
}

func newMailPool(server mailServer) *mailPool {
	return &mailPool{server: server, busy: make(chan struct{}, mailConns)}
}

// send sends a mail once or not at all as far as the server tells: the mail is
// tried a second time, on a new connection, only when one that was kept failed
// before anything of the text was sent. So a mail fares as it would on a
// connection of its own.
func (p *mailPool) send(ctx context.Context, from string, to []string, text io.WriterTo) error {
	select {
	case p.busy <- struct{}{}:
		defer func() { <-p.busy }()
	case <-ctx.Done():
		return fmt.Errorf("all of %d connections are busy: %w", mailConns, context.Cause(ctx))
	}
	if c := p.take(); c != nil {
		err := c.send(ctx, from, to, text)
		p.give(c, err)
		if again := (*stale)(nil); !errors.As(err, &again) || ctx.Err() != nil {
			return err
		}
	}
	c, err := p.server.dial(ctx)
	if err != nil {
		return err
	}
	err = c.send(ctx, from, to, text)
	p.give(c, err)
	return err
}

// take gives the connection that was used last, or nil.
func (p *mailPool) take() *mailConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	c := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	c.expire.Stop() // If it has begun it finds the connection gone.
	return c
}

// give keeps a connection for another mail, or closes it.
func (p *mailPool) give(c *mailConn, err error) {
	if c.broken {
		_ = c.conn.Close()
		return
	}
	p.mu.Lock()
	keep := !p.closed && err == nil && c.sent < mailEach
	if keep {
		c.expire = time.AfterFunc(mailIdle, func() { p.drop(c) })
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if !keep {
		c.quit()
	}
}

// drop closes a connection that has been idle for long.
func (p *mailPool) drop(c *mailConn) {
	p.mu.Lock()
	i := slices.Index(p.idle, c)
	if i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		c.quit()
	}
}

// close closes what is idle, and lets nothing be kept from now on.
func (p *mailPool) close() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	var wg sync.WaitGroup
	for _, c := range idle {
		c.expire.Stop()
		wg.Go(c.quit)
	}
	wg.Wait()
}
