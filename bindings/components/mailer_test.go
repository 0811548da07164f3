package components

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/dapr/components-contrib/bindings"
	contribmeta "github.com/dapr/components-contrib/metadata"
	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
)

// letterbox keeps who got which mail, and who got a copy.
type letterbox struct {
	mu  sync.Mutex
	got map[string]string // recipients by subject
}

func (b *letterbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &letter{box: b}, nil }

type letter struct {
	box *letterbox
	to  []string
}

func (l *letter) Reset()                               { l.to = nil }
func (l *letter) Logout() error                        { return nil }
func (l *letter) Mail(string, *smtp.MailOptions) error { return nil }
func (l *letter) Rcpt(to string, _ *smtp.RcptOptions) error {
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
	defer l.box.mu.Unlock()
	l.box.got[subject] = strings.Join(l.to, " ")
	return nil
}

func TestMailsAtTheSameTimeGoToTheirOwnAddresses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	box := &letterbox{got: make(map[string]string)}
	server := smtp.NewServer(box)
	go func() { _ = server.Serve(l) }()
	defer func() { _ = server.Close() }()
	host, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	m := newMailer(&bridge{log: slog.New(slog.DiscardHandler)})
	if err := m.Init(t.Context(), bindings.Metadata{Base: contribmeta.Base{Properties: map[string]string{
		"host": host, "port": port, "emailFrom": "shop@shop.example",
	}}}); err != nil {
		t.Fatal(err)
	}
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
}
