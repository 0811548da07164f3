package components

import (
	"fmt"
	"io"
	"net/textproto"
	"strings"
)

// mostAtOnce bounds how many recipients are named before the server is listened
// to: it answers each, and someone has to read that.
const mostAtOnce = 50

// atOnce is envelope for a server that takes several commands together
// (PIPELINING, RFC 2920), as nearly all do: one way there and back instead of
// three.
func (c *mailConn) atOnce(from string, to []string) (io.WriteCloser, error) {
	for _, a := range append([]string{from}, to...) {
		if strings.ContainsAny(a, "\r\n") {
			return nil, c.failed(fmt.Errorf("%q is no address", a), false)
		}
	}
	text := c.client.Text
	// What cannot be written fails when it is flushed.
	_, _ = fmt.Fprintf(text.W, "MAIL FROM:<%s>%s\r\n", from, c.mailOptions())
	for _, a := range to {
		_, _ = fmt.Fprintf(text.W, "RCPT TO:<%s>\r\n", a)
	}
	_, _ = text.W.WriteString("DATA\r\n")
	if err := text.W.Flush(); err != nil {
		return nil, c.failed(err, true)
	}
	_, _, err := text.ReadResponse(250)
	if err != nil {
		err = c.failed(err, true)
	}
	for _, a := range to {
		if _, _, failed := text.ReadResponse(25); failed != nil && err == nil {
			err = c.failed(fmt.Errorf("%s: %w", a, failed), false)
		}
	}
	_, _, failed := text.ReadResponse(354)
	switch {
	case err == nil && failed != nil:
		err = c.failed(failed, false)
	case err != nil:
		// A server that waits for the text all the same gets none: the mail
		// would go to those that it has taken.
		c.broken = true
	}
	if err != nil {
		return nil, err
	}
	return &mailText{text.DotWriter(), text}, nil
}

// mailOptions are those with which net/smtp names a sender.
func (c *mailConn) mailOptions() (options string) {
	if ok, _ := c.client.Extension("8BITMIME"); ok {
		options = " BODY=8BITMIME"
	}
	if ok, _ := c.client.Extension("SMTPUTF8"); ok {
		options += " SMTPUTF8"
	}
	return options
}

// mailText takes the text of a mail; Close tells what the server says of it.
type mailText struct {
	io.WriteCloser
	conn *textproto.Conn
}

func (t *mailText) Close() error {
	if err := t.WriteCloser.Close(); err != nil {
		return err
	}
	_, _, err := t.conn.ReadResponse(250)
	return err
}
