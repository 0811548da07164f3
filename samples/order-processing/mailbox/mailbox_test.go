package mailbox

import (
	"encoding/json"
	"errors"
	"net"
	"net/http/httptest"
	"net/smtp"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParse(t *testing.T) {
	tests := map[string]struct {
		reason string
		raw    string
		want   Message
	}{
		"plain":            {"headers and text", "Subject: hello\r\n\r\nthere\r\n", Message{Subject: "hello", Body: "there\n"}},
		"quoted-printable": {"what the smtp binding sends", "Subject: hello\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9t=\r\n=C3=A9", Message{Subject: "hello", Body: "été"}},
		"encoded subject":  {"RFC 2047", "Subject: =?UTF-8?q?=C3=A9t=C3=A9?=\r\n\r\n", Message{Subject: "été"}},
		"folded subject":   {"RFC 5322 folds long lines", "Subject: one\r\n two\r\n\r\n", Message{Subject: "one two"}},
		"no mail":          {"kept as it is", "hello", Message{Body: "hello"}},
		"bad encoding":     {"kept as it is", "Content-Transfer-Encoding: quoted-printable\r\n\r\n\x01", Message{Body: "Content-Transfer-Encoding: quoted-printable\r\n\r\n\x01"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, parse([]byte(tc.raw))); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("Subject: =?UTF-8?q?=C3?=\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		line, err := parse(raw).encode()
		if err != nil {
			t.Fatal(err)
		}
		if decode(line) == nil {
			t.Errorf("%q is written as %q, which cannot be read", raw, line)
		}
	})
}

func start(t *testing.T, addr, path string) *Server {
	t.Helper()
	file, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	s := Start(addr, file)
	t.Cleanup(func() {
		if err := errors.Join(s.Stop(), file.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func send(s *Server, subject string) error {
	return smtp.SendMail(s.Addr(), nil, "shop@shop.example", []string{"ada@customers.example"},
		[]byte("Subject: "+subject+"\r\n\r\nhello\r\n"))
}

func get(t *testing.T, s *Server, url string) (int, string) {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", url, nil))
	return w.Code, w.Body.String()
}

func TestMailIsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "mail.jsonl")
	s := start(t, "127.0.0.1:0", path)
	for _, subject := range []string{"Order o-1", "Order o-2", "Order o-3"} {
		if err := send(s, subject); err != nil {
			t.Fatal(err)
		}
	}
	tests := map[string]struct {
		reason string
		url    string
		status int
		want   []string // subjects
	}{
		"all":        {"the newest first", "/mailbox", 200, []string{"Order o-3", "Order o-2", "Order o-1"}},
		"some":       {"the latest are kept", "/mailbox?n=2", 200, []string{"Order o-3", "Order o-2"}},
		"one":        {"by subject", "/mailbox?q=o-2", 200, []string{"Order o-2"}},
		"recipient":  {"by recipient", "/mailbox?q=ada@&n=1", 200, []string{"Order o-3"}},
		"none":       {"an empty list, not null", "/mailbox?q=nobody", 200, []string{}},
		"too many":   {"answers are bounded", "/mailbox?n=1001", 400, nil},
		"not number": {"told", "/mailbox?n=x", 400, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			status, body := get(t, s, tc.url)
			if status != tc.status {
				t.Fatalf("%s: %d %s", tc.reason, status, body)
			}
			if tc.want == nil {
				return
			}
			var got []Message
			if err := json.Unmarshal([]byte(body), &got); err != nil || got == nil {
				t.Fatalf("%s: %v in %s", tc.reason, err, body)
			}
			subjects := []string{}
			for _, m := range got {
				subjects = append(subjects, m.Subject)
				if diff := cmp.Diff(Message{From: "shop@shop.example", To: []string{"ada@customers.example"}, Subject: m.Subject, Body: "hello\n"},
					m, cmpopts.IgnoreFields(Message{}, "Time")); diff != "" {
					t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
				}
			}
			if diff := cmp.Diff(tc.want, subjects); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestHalfALineIsPassedOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mail.jsonl")
	if err := os.WriteFile(path, []byte(`{"subject":"one"}`+"\n"+`{"subject":"tw`), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	got, err := f.Latest(10, "")
	if err != nil || len(got) != 1 || got[0].Subject != "one" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestMailThatCannotBeKept(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := Serve(l, func(Message) error { return errors.New("disk full") })
	defer func() { _ = s.Close() }()
	err = smtp.SendMail(l.Addr().String(), nil, "a@b.example", []string{"c@d.example"}, []byte("Subject: x\r\n\r\n"))
	if err == nil || !strings.Contains(err.Error(), "451") {
		t.Errorf("err = %v, want a 451: come again", err)
	}
}

func TestAddressInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, l.Addr().String(), filepath.Join(t.TempDir(), "mail.jsonl"))
	if status, body := get(t, s, "/mailbox"); status != 503 || !strings.Contains(body, "choose another port") {
		t.Errorf("an address that is taken: %d %s", status, body)
	}
	if err := l.Close(); err != nil { // the process before this one has ended
		t.Fatal(err)
	}
	for s.problem() != nil {
		if t.Context().Err() != nil {
			t.Fatal("the address was not taken when it became free")
		}
	}
	if err := send(s, "hello"); err != nil {
		t.Error(err)
	}
}
