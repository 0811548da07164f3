// Package mailbox is a mail server for one machine: it takes any mail over
// SMTP, delivers it nowhere, and keeps it to be read back.
package mailbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"time"

	"github.com/emersion/go-smtp"
)

// Message is mail as it came.
type Message struct {
	Time    time.Time `json:"time"`
	From    string    `json:"from"`
	To      []string  `json:"to"`
	Subject string    `json:"subject"`
	Body    string    `json:"body"`
}

// Limits of what is taken.
const (
	maxBytes      = 1 << 20
	maxRecipients = 100
	patience      = 30 * time.Second // with a client that says nothing
)

// Serve takes mail on l, gives it to keep and answers the client once keep has
// returned: with success if it returned nil, else that the mail may be sent
// again. keep is called from several goroutines. Serve returns when the server
// is shut down or closed.
func Serve(l net.Listener, keep func(Message) error) *smtp.Server {
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &session{keep: keep}, nil
	}))
	s.Domain = "localhost"
	s.MaxMessageBytes, s.MaxRecipients = maxBytes, maxRecipients
	s.ReadTimeout, s.WriteTimeout = patience, patience
	s.ErrorLog = slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug) // clients that hang up
	// It ends when the server is closed.
	go func() { _ = s.Serve(l) }()
	return s
}

// session is one connection.
type session struct {
	keep func(Message) error
	from string
	to   []string
}

// Reset, Logout, Mail, Rcpt and Data implement smtp.Session.
func (s *session) Reset() { s.from, s.to = "", nil }

func (s *session) Logout() error { return nil }

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

func (s *session) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m := parse(raw)
	m.Time, m.From, m.To = time.Now().UTC(), s.from, s.to
	if err := s.keep(m); err != nil {
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "not kept: " + err.Error()}
	}
	return nil
}

// parse reads subject and body. What is no mail by RFC 5322 is kept as it is.
func parse(raw []byte) Message {
	in, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Message{Body: string(raw)}
	}
	subject := in.Header.Get("Subject")
	if s, err := new(mime.WordDecoder).DecodeHeader(subject); err == nil {
		subject = s
	}
	body := in.Body
	if strings.EqualFold(in.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
		body = quotedprintable.NewReader(body)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return Message{Subject: subject, Body: string(raw)}
	}
	return Message{Subject: subject, Body: strings.ReplaceAll(string(text), "\r\n", "\n")}
}

// encode gives a message as one line.
func (m Message) encode() ([]byte, error) {
	b, err := json.Marshal(m)
	return append(b, '\n'), err
}

// decode reads a line; nil for one that a killed process left half written.
func decode(line []byte) *Message {
	m := new(Message)
	if json.Unmarshal(line, m) != nil {
		return nil
	}
	return m
}

// inUse says that an address is taken, and what may be done.
func inUse(addr string, err error) error {
	var op *net.OpError
	if !errors.As(err, &op) {
		return err
	}
	return fmt.Errorf("mail cannot be taken on %s: %w: another mesh with this mailbox, or another mail server, has it; choose another port in local/email.yaml", addr, op.Err)
}
