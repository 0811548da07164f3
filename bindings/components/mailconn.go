package components

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// mailServer is where mails go, and as whom.
type mailServer struct {
	host           string
	port           int
	user, password string
	skipVerify     bool
	// implicit is TLS from the start.
	implicit bool
}

func (s mailServer) address() string { return net.JoinHostPort(s.host, strconv.Itoa(s.port)) }

// dial connects, greets and signs in, as gomail's dialer does: TLS from the
// start on port 465, else STARTTLS when it is offered; of the ways to sign in
// CRAM-MD5 before PLAIN before LOGIN.
func (s mailServer) dial(ctx context.Context) (*mailConn, error) {
	dialer := net.Dialer{Timeout: 10 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", s.address())
	if err != nil {
		return nil, err
	}
	c := &mailConn{conn: conn}
	if err := c.within(ctx, func() error { return s.greet(c) }); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return c, nil
}

func (s mailServer) greet(c *mailConn) error {
	// Who sets skipTLSVerify has said that the server need not prove itself.
	config := &tls.Config{ServerName: s.host, InsecureSkipVerify: s.skipVerify} //nolint:gosec // see above
	conn := c.conn
	if s.implicit {
		conn = tls.Client(conn, config)
	}
	var err error
	if c.client, err = smtp.NewClient(conn, s.host); err != nil {
		return err
	}
	if err := c.client.Hello("localhost"); err != nil {
		return err
	}
	if ok, _ := c.client.Extension("STARTTLS"); ok && !s.implicit {
		if err := c.client.StartTLS(config); err != nil {
			return err
		}
	}
	if s.user == "" {
		return nil
	}
	ok, ways := c.client.Extension("AUTH")
	if !ok {
		return nil
	}
	return c.client.Auth(s.auth(ways))
}

func (s mailServer) auth(ways string) smtp.Auth {
	switch {
	case strings.Contains(ways, "CRAM-MD5"):
		return smtp.CRAMMD5Auth(s.user, s.password)
	case strings.Contains(ways, "LOGIN") && !strings.Contains(ways, "PLAIN"):
		return loginAuth(s)
	}
	return smtp.PlainAuth("", s.user, s.password, s.host)
}

// loginAuth signs in by LOGIN, which net/smtp does not have: the server asks
// for the name and the password in turn.
type loginAuth mailServer

// Start implements smtp.Auth.
func (a loginAuth) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if server.Name != a.host {
		return "", nil, errors.New("sign in by LOGIN: the server has another name")
	}
	return "LOGIN", nil, nil
}

// Next implements smtp.Auth.
func (a loginAuth) Next(asked []byte, more bool) ([]byte, error) {
	switch {
	case !more:
		return nil, nil
	case strings.EqualFold(string(asked), "Username:"):
		return []byte(a.user), nil
	case strings.EqualFold(string(asked), "Password:"):
		return []byte(a.password), nil
	}
	return nil, fmt.Errorf("sign in by LOGIN: the server asks %q", asked)
}

// stale is the error of a mail of whose text nothing was sent, for a reason
// that may be the connection's.
type stale struct{ error }

func (s *stale) Unwrap() error { return s.error }

// mailConn is a connection that has signed in. One mail at a time uses it.
type mailConn struct {
	conn   net.Conn
	client *smtp.Client
	sent   int
	// broken says that the server no longer listens, or is in the middle of
	// something.
	broken bool
	expire *time.Timer
}

// within runs a conversation that ends, by an error, when the context does.
func (c *mailConn) within(ctx context.Context, talk func() error) error {
	if err := c.conn.SetDeadline(time.Time{}); err != nil {
		c.broken = true
		return &stale{err}
	}
	stop := context.AfterFunc(ctx, func() { _ = c.conn.SetDeadline(time.Unix(1, 0)) })
	err := talk()
	if !stop() {
		// What the context's end does to the deadline may be yet to come.
		c.broken = true
	}
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("no answer in time: %w: %w", context.Cause(ctx), err)
	}
	return err
}

// send sends a mail, or gives a [stale] error if it may be tried elsewhere.
func (c *mailConn) send(ctx context.Context, from string, to []string, text io.WriterTo) error {
	return c.within(ctx, func() error {
		w, err := c.envelope(from, to)
		if err != nil {
			return err
		}
		// Until the server has said that it has the mail the connection can
		// only be closed: an end of the text would send a part of it.
		c.broken = true
		if _, err := text.WriteTo(w); err != nil {
			return fmt.Errorf("send the text: %w", err)
		}
		err = w.Close()
		var refused *textproto.Error
		c.broken = err != nil && !errors.As(err, &refused)
		if err != nil {
			return err
		}
		c.sent++
		return nil
	})
}

// envelope says whose the mail is and for whom, up to where the text begins.
func (c *mailConn) envelope(from string, to []string) (io.WriteCloser, error) {
	if ok, _ := c.client.Extension("PIPELINING"); ok && len(to) <= mostAtOnce {
		return c.atOnce(from, to)
	}
	// A server that has had enough of this connection may say so instead of
	// taking a sender, in whichever way.
	if err := c.client.Mail(from); err != nil {
		return nil, c.failed(err, true)
	}
	for _, a := range to {
		if err := c.client.Rcpt(a); err != nil {
			return nil, c.failed(fmt.Errorf("%s: %w", a, err), false)
		}
	}
	w, err := c.client.Data()
	if err != nil {
		return nil, c.failed(err, false)
	}
	return w, nil
}

// failed sorts an error from before the text. A refusal for good (5xx) of a
// recipient would be the same on another connection.
func (c *mailConn) failed(err error, always bool) error {
	err = fmt.Errorf("could not send email: %w", err)
	var refused *textproto.Error
	if !errors.As(err, &refused) {
		c.broken = true
		return &stale{err}
	}
	if always || refused.Code < 500 {
		return &stale{err}
	}
	return err
}

// quit takes leave of the server, briefly.
func (c *mailConn) quit() {
	_ = c.conn.SetDeadline(time.Now().Add(time.Second))
	_ = c.client.Quit()
	_ = c.conn.Close()
}
