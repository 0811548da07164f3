package components

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dapr/components-contrib/bindings"
	contribmeta "github.com/dapr/components-contrib/metadata"
	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
)

// letterbox keeps who got which mail, and who got a copy.
type letterbox struct {
	// data is called with each text, if set.
	data func(c *smtp.Conn) error

	mu    sync.Mutex
	got   map[string]string // recipients by subject
	texts []string
	conns []*smtp.Conn
}

func (b *letterbox) NewSession(c *smtp.Conn) (smtp.Session, error) {
	b.mu.Lock()
	b.conns = append(b.conns, c)
	b.mu.Unlock()
	return &letter{box: b, conn: c}, nil
}

// arrived gives the texts so far.
func (b *letterbox) arrived() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.texts)
}

// recipients tells who got the mail of a subject.
func (b *letterbox) recipients(subject string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.got[subject]
}

// hangUp closes all connections.
func (b *letterbox) hangUp() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.conns {
		_ = c.Close()
	}
}

type letter struct {
	box  *letterbox
	conn *smtp.Conn
	to   []string
}

func (l *letter) AuthMechanisms() []string { return []string{sasl.Plain} }
func (l *letter) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "shop" || password != "s3cret-word" {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}
func (l *letter) Reset()                               { l.to = nil }
func (l *letter) Logout() error                        { return nil }
func (l *letter) Mail(string, *smtp.MailOptions) error { return nil }
func (l *letter) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "nobody@") {
		return &smtp.SMTPError{Code: 550, Message: "no such user"}
	}
	l.to = append(l.to, to)
	return nil
}

func (l *letter) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	_, rest, _ := strings.Cut(string(text), "Subject: ")
	subject, _, _ := strings.Cut(rest, "\r\n")
	l.box.mu.Lock()
	l.box.got[subject] = strings.Join(l.to, " ")
	l.box.texts = append(l.box.texts, string(text))
	l.box.mu.Unlock()
	if l.box.data != nil {
		return l.box.data(l.conn)
	}
	return nil
}

// counted counts what it accepts.
type counted struct {
	net.Listener
	n atomic.Int32
}

func (l *counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.n.Add(1)
	}
	return c, err
}

// mailServerAt serves a letterbox on an address.
func mailServerAt(t *testing.T, at string, box *letterbox) (*smtp.Server, *counted) {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	box.mu.Lock()
	if box.got == nil {
		box.got = make(map[string]string)
	}
	box.mu.Unlock()
	server := smtp.NewServer(box)
	server.AllowInsecureAuth = true
	server.ErrorLog = quiet{}
	c := &counted{Listener: l}
	go func() { _ = server.Serve(c) }()
	t.Cleanup(func() { _ = server.Close() })
	return server, c
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

func mailerFor(t *testing.T, addr net.Addr, more map[string]string) *mailer {
	t.Helper()
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		t.Fatal(err)
	}
	props := map[string]string{"host": host, "port": port, "emailFrom": "shop@shop.example"}
	maps.Copy(props, more)
	m := newMailer(&bridge{log: slog.New(slog.DiscardHandler)}).(*mailer)
	if err := m.Init(t.Context(), bindings.Metadata{Base: contribmeta.Base{Properties: props}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

func mail(ctx context.Context, m *mailer, to, subject string) error {
	_, err := m.Invoke(ctx, &bindings.InvokeRequest{
		Operation: bindings.CreateOperation, Data: []byte(`"<b>hello</b>"`), Metadata: map[string]string{"emailTo": to, "subject": subject},
	})
	return err
}

func TestMailsAtTheSameTimeGoToTheirOwnAddresses(t *testing.T) {
	box := &letterbox{}
	_, l := mailServerAt(t, "127.0.0.1:0", box)
	m := mailerFor(t, l.Addr(), nil)
	want := make(map[string]string)
	var wg sync.WaitGroup
	for n := range 50 {
		subject, to := fmt.Sprint("mail ", n), fmt.Sprintf("c-%d@customers.example", n)
		meta := map[string]string{"emailTo": to, "subject": subject}
		if want[subject] = to; n%2 == 0 {
			meta["emailCC"] = "desk@shop.example" // which no later mail inherits
			want[subject] += " desk@shop.example"
		}
		wg.Go(func() {
			if _, err := m.Invoke(t.Context(), &bindings.InvokeRequest{Operation: bindings.CreateOperation, Data: []byte("hello"), Metadata: meta}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	box.mu.Lock()
	defer box.mu.Unlock()
	if diff := cmp.Diff(want, box.got); diff != "" {
		t.Errorf("recipients (-want +got):\n%s", diff)
	}
	if n := l.n.Load(); n > mailConns {
		t.Errorf("50 mails at once took %d connections", n)
	}
}

func TestMailText(t *testing.T) {
	box := &letterbox{}
	_, l := mailServerAt(t, "127.0.0.1:0", box)
	m := mailerFor(t, l.Addr(), map[string]string{"priority": "2", "emailBCC": "audit@shop.example"})
	if err := mail(t.Context(), m, "a@customers.example;b@customers.example", "hello"); err != nil {
		t.Fatal(err)
	}
	if got, want := box.recipients("hello"), "a@customers.example b@customers.example audit@shop.example"; got != want {
		t.Errorf("recipients %q, want %q", got, want)
	}
	for _, want := range []string{"X-priority: 2\r\n", "From: shop@shop.example\r\n", "To: a@customers.example, b@customers.example\r\n", "Content-Type: text/html", "\r\n\r\n<b>hello</b>"} {
		if !strings.Contains(box.arrived()[0], want) {
			t.Errorf("the mail has no %q:\n%s", want, box.arrived()[0])
		}
	}
	if strings.Contains(box.arrived()[0], "audit@") {
		t.Errorf("the mail shows the blind copy:\n%s", box.arrived()[0])
	}
}

func TestMailIsNotComposed(t *testing.T) {
	for name, c := range map[string]struct{ reason, name, value, want string }{
		"no sender":    {"nobody sends it", "emailFrom", "", "emailFrom property not supplied"},
		"no recipient": {"nobody gets it", "emailTo", "", "emailTo property not supplied"},
		"no subject":   {"the component wants one", "subject", "", "subject property not supplied"},
		"priority":     {"1 to 5", "priority", "6", "between 1 (highest) and 5 (lowest)"},
		"no number":    {"a number", "priority", "high", "invalid syntax"},
		"address":      {"found before anything is dialled", "emailTo", "a b", `invalid address "a b"`},
	} {
		t.Run(name, func(t *testing.T) {
			m := mailerFor(t, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, map[string]string{"emailFrom": ""})
			meta := map[string]string{"emailFrom": "a@x.example", "emailTo": "b@x.example", "subject": "s"}
			meta[c.name] = c.value
			_, err := m.Invoke(t.Context(), &bindings.InvokeRequest{Metadata: meta})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", c.reason, err)
			}
		})
	}
}

func TestMailConnections(t *testing.T) {
	for name, c := range map[string]struct {
		reason string
		mails  int
		// between is what happens between two mails.
		between func(t *testing.T, s *smtp.Server, l *counted, box *letterbox)
		want    int32
	}{
		"kept":    {reason: "one after the other they use one connection", mails: 20, want: 1},
		"limited": {reason: "a connection carries so many and no more", mails: mailEach + 1, want: 2},
		"closed by the server": {reason: "a mail fails on no connection that was closed before it", mails: 5, want: 5,
			between: func(_ *testing.T, _ *smtp.Server, _ *counted, box *letterbox) {
				box.hangUp()
			}},
		"server restarted": {reason: "and none fails for a server that was away", mails: 2, want: 1,
			between: func(t *testing.T, s *smtp.Server, l *counted, box *letterbox) {
				if err := s.Close(); err != nil {
					t.Fatal(err)
				}
				mailServerAt(t, l.Addr().String(), box)
			}},
	} {
		t.Run(name, func(t *testing.T) {
			box := &letterbox{}
			s, l := mailServerAt(t, "127.0.0.1:0", box)
			m := mailerFor(t, l.Addr(), nil)
			for n := range c.mails {
				if n > 0 && c.between != nil {
					c.between(t, s, l, box)
				}
				if err := mail(t.Context(), m, "a@customers.example", fmt.Sprint(n)); err != nil {
					t.Fatalf("%s: mail %d: %v", c.reason, n, err)
				}
			}
			if got := l.n.Load(); got != c.want {
				t.Errorf("%s: %d connections, want %d", c.reason, got, c.want)
			}
			if len(box.arrived()) != c.mails {
				t.Errorf("%d mails arrived as %d", c.mails, len(box.arrived()))
			}
		})
	}
}

func TestMailIdleConnectionsAreClosed(t *testing.T) {
	_, l := mailServerAt(t, "127.0.0.1:0", &letterbox{})
	m := mailerFor(t, l.Addr(), nil)
	if err := mail(t.Context(), m, "a@customers.example", "1"); err != nil {
		t.Fatal(err)
	}
	m.pool.drop(m.pool.idle[0]) // What the timer does.
	if len(m.pool.idle) != 0 {
		t.Error("a connection that expired is kept")
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if err := mail(t.Context(), m, "a@customers.example", "2"); err != nil {
		t.Errorf("a mail that comes late is not sent: %v", err)
	}
	if len(m.pool.idle) != 0 {
		t.Error("a closed binding keeps connections")
	}
}

func TestMailRefused(t *testing.T) {
	box := &letterbox{}
	_, l := mailServerAt(t, "127.0.0.1:0", box)
	m := mailerFor(t, l.Addr(), nil)
	for range 2 { // on a new connection, and on one that was kept
		err := mail(t.Context(), m, "a@customers.example;nobody@customers.example", "refused")
		if err == nil || !strings.Contains(err.Error(), "no such user") || !strings.Contains(err.Error(), l.Addr().String()) {
			t.Errorf("a recipient that is refused: %v", err)
		}
		if err := mail(t.Context(), m, "a@customers.example", "taken"); err != nil {
			t.Error(err)
		}
	}
	if box.recipients("refused") != "" {
		t.Error("a mail went to some of its recipients")
	}
	if n := l.n.Load(); n != 3 {
		t.Errorf("%d connections: a refusal for good is not tried again elsewhere", n)
	}
}

func TestMailIsNeverSentTwice(t *testing.T) {
	box := &letterbox{data: func(c *smtp.Conn) error { return c.Conn().Close() }}
	_, l := mailServerAt(t, "127.0.0.1:0", box)
	m := mailerFor(t, l.Addr(), nil)
	if err := mail(t.Context(), m, "a@customers.example", "lost answer"); err == nil {
		t.Error("a mail that no one answered for is sent")
	}
	if len(box.arrived()) != 1 {
		t.Errorf("the text was sent %d times", len(box.arrived()))
	}
}

func TestMailServerHangs(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // The system takes connections, no one answers.
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	over := make(chan struct{})
	box := &letterbox{data: func(*smtp.Conn) error { <-over; return nil }}
	_, l := mailServerAt(t, "127.0.0.1:0", box)
	defer close(over)
	for name, addr := range map[string]net.Addr{"at the greeting": silent.Addr(), "after the text": l.Addr()} {
		t.Run(name, func(t *testing.T) {
			m := mailerFor(t, addr, nil)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if err := mail(ctx, m, "a@customers.example", "late"); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), addr.String()) {
				t.Errorf("a server that hangs: %v", err)
			}
			for range mailConns {
				m.pool.busy <- struct{}{}
			}
			if err := mail(ctx, m, "a@customers.example", "later"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("no connection is free: %v", err)
			}
		})
	}
}

func TestMailSignsIn(t *testing.T) {
	for name, c := range map[string]struct{ reason, password, want string }{
		"right": {"a mail is sent", "s3cret-word", ""},
		"wrong": {"the error is the server's and has no password", "wr0ng-word", "Authentication failed"},
	} {
		t.Run(name, func(t *testing.T) {
			_, l := mailServerAt(t, "127.0.0.1:0", &letterbox{})
			m := mailerFor(t, l.Addr(), map[string]string{"user": "shop", "password": c.password})
			err := mail(t.Context(), m, "a@customers.example", "hello")
			if got := fmt.Sprint(err); (err == nil) != (c.want == "") || !strings.Contains(got, c.want) && err != nil || strings.Contains(got, c.password) {
				t.Errorf("%s: %v", c.reason, err)
			}
		})
	}
}

func TestMailTLS(t *testing.T) {
	certified := httptest.NewTLSServer(nil)
	config := &tls.Config{Certificates: certified.TLS.Certificates, MinVersion: tls.VersionTLS12}
	certified.Close()
	for name, c := range map[string]struct {
		reason, skip, want string
		implicit           bool
	}{
		"starttls":           {"STARTTLS is taken when it is offered, and the certificate is looked at", "false", "certificate", false},
		"starttls, any cert": {"unless it shall not be", "true", "", false},
		"tls":                {"port 465 is TLS from the start", "false", "certificate", true},
		"tls, any cert":      {"likewise", "true", "", true},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := smtp.NewServer(&letterbox{got: make(map[string]string)})
			s.ErrorLog = quiet{}
			if c.implicit {
				l = tls.NewListener(l, config)
			} else {
				s.TLSConfig = config
			}
			go func() { _ = s.Serve(l) }()
			defer func() { _ = s.Close() }()
			m := mailerFor(t, l.Addr(), map[string]string{"skipTLSVerify": c.skip})
			m.pool.server.implicit = c.implicit
			for n := range 2 {
				err := mail(t.Context(), m, "a@customers.example", fmt.Sprint(n))
				if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
					t.Errorf("%s: %v", c.reason, err)
				}
			}
		})
	}
}

func TestMailLogin(t *testing.T) {
	a := mailServer{host: "h", user: "shop", password: "p"}.auth("LOGIN")
	l, ok := a.(loginAuth)
	if !ok {
		t.Fatalf("LOGIN alone is offered, and %T is used", a)
	}
	for asked, want := range map[string]string{"Username:": "shop", "password:": "p"} {
		if got, err := l.Next([]byte(asked), true); err != nil || string(got) != want {
			t.Errorf("%s %q, %v", asked, got, err)
		}
	}
	if _, err := l.Next([]byte("PIN:"), true); err == nil {
		t.Error("an unknown question is answered")
	}
}

// BenchmarkMail sends one mail after the other.
func BenchmarkMail(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := smtp.NewServer(&letterbox{got: make(map[string]string)})
	go func() { _ = server.Serve(l) }()
	defer func() { _ = server.Close() }()
	host, port, _ := net.SplitHostPort(l.Addr().String())
	m := newMailer(&bridge{log: slog.New(slog.DiscardHandler)})
	if err := m.Init(b.Context(), bindings.Metadata{Base: contribmeta.Base{Properties: map[string]string{
		"host": host, "port": port, "emailFrom": "shop@shop.example", "emailTo": "a@customers.example", "subject": "order",
	}}}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := m.Invoke(b.Context(), &bindings.InvokeRequest{Data: []byte("hello")}); err != nil {
			b.Fatal(err)
		}
	}
}
