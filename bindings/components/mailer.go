package components

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/dapr/components-contrib/bindings"
	"github.com/dapr/components-contrib/bindings/smtp"
	"github.com/dapr/kit/logger"
	kitmd "github.com/dapr/kit/metadata"
	"gopkg.in/gomail.v2"
)

// mailTime is how long one mail may take, with the wait for a connection.
const mailTime = 30 * time.Second

// mailer is bindings.smtp for many callers at once, over connections that are
// kept. What a request and the metadata mean, and the text of a mail, are
// those of components-contrib v1.18.1 (bindings/smtp/smtp.go), but for three
// things. That component dials and greets for each mail, which costs several
// times the mail, here and in the server. It writes the metadata of a request
// over its own: two mails sent at the same time could go to each other's
// addresses, and a mail would inherit the copies of the one before. And it
// waits for a server that hangs for ever; here a mail takes [mailTime] at most.
type mailer struct {
	// Mailer checks the metadata and says what there is.
	*smtp.Mailer
	log  logger.Logger
	set  smtp.Metadata
	pool *mailPool
}

func newMailer(log logger.Logger) bindings.OutputBinding {
	return &mailer{Mailer: smtp.NewSMTP(log).(*smtp.Mailer), log: log}
}

// Init reads the metadata. Nothing is dialled before the first mail.
func (m *mailer) Init(ctx context.Context, md bindings.Metadata) error {
	if err := m.Mailer.Init(ctx, md); err != nil {
		return err
	}
	var set smtp.Metadata
	if err := kitmd.DecodeMetadata(md.Properties, &set); err != nil {
		return err
	}
	var err error
	if set.Priority, err = priority(md.Properties["priority"]); err != nil {
		return err
	}
	m.set, m.pool = set, newMailPool(mailServer{
		host: strings.Trim(set.Host, "[]"), port: set.Port, user: set.User, password: set.Password,
		skipVerify: set.SkipTLSVerify, implicit: set.Port == 465,
	})
	return nil
}

// priority reads that of a mail, 1 (highest) to 5; none is 3.
func priority(text string) (int, error) {
	if text == "" {
		return 3, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("smtp binding error: priority: %w", err)
	}
	if n < 1 || n > 5 {
		return 0, errors.New("smtp binding error: priority value must be between 1 (highest) and 5 (lowest)")
	}
	return n, nil
}

// Invoke sends a mail.
func (m *mailer) Invoke(ctx context.Context, req *bindings.InvokeRequest) (*bindings.InvokeResponse, error) {
	msg, err := m.compose(req)
	if err != nil {
		return nil, err
	}
	var from string
	var to []string
	// This is how gomail tells the addresses of a message.
	if err := gomail.Send(gomail.SendFunc(func(f string, t []string, _ io.WriterTo) error {
		from, to = f, t
		return nil
	}), msg); err != nil {
		return nil, fmt.Errorf("error from smtp binding, sending email failed: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, mailTime)
	defer cancel()
	if err := m.pool.send(ctx, from, to, msg); err != nil {
		return nil, fmt.Errorf("error from smtp binding, sending email failed: %s: %w", m.pool.server.address(), err)
	}
	m.log.Debug("smtp binding: sent email successfully")
	return nil, nil
}

// compose makes the message of a request.
func (m *mailer) compose(req *bindings.InvokeRequest) (*gomail.Message, error) {
	md := m.set
	for name, field := range map[string]*string{
		"emailFrom": &md.EmailFrom, "emailTo": &md.EmailTo, "emailCC": &md.EmailCC, "emailBCC": &md.EmailBCC, "subject": &md.Subject,
	} {
		if v := req.Metadata[name]; v != "" {
			*field = v
		}
	}
	if v := req.Metadata["priority"]; v != "" {
		var err error
		if md.Priority, err = priority(v); err != nil {
			return nil, err
		}
	}
	for _, f := range []struct{ name, value string }{{"emailFrom", md.EmailFrom}, {"emailTo", md.EmailTo}, {"subject", md.Subject}} {
		if f.value == "" {
			return nil, fmt.Errorf("smtp binding error: %s property not supplied in configuration- or request-metadata", f.name)
		}
	}
	msg := gomail.NewMessage()
	msg.SetHeader("From", md.EmailFrom)
	for _, f := range []struct{ name, value string }{{"To", md.EmailTo}, {"Cc", md.EmailCC}, {"Bcc", md.EmailBCC}} {
		if f.value != "" {
			msg.SetHeader(f.name, strings.Split(f.value, ";")...)
		}
	}
	msg.SetHeader("Subject", md.Subject)
	msg.SetHeader("X-priority", strconv.Itoa(md.Priority))
	// A body that is a string of JSON comes with its quotes.
	body := string(req.Data)
	if plain, err := strconv.Unquote(body); err == nil {
		body = plain
	}
	msg.SetBody("text/html", body)
	return msg, nil
}

// Close closes the connections that are kept. Mails under way are finished.
func (m *mailer) Close() error {
	if m.pool != nil {
		m.pool.close()
	}
	return nil
}
