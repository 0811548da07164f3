package host_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/runtime/host"
	"github.com/weftmesh/weft/runtime/internal/adapt"
)

// serve runs a host on a port of its own. end stops it, and err receives what
// Serve returns.
func serve(t *testing.T, h *host.Host) (url string, end context.CancelFunc, err <-chan error) {
	t.Helper()
	ln, lerr := net.Listen("tcp", "127.0.0.1:0")
	if lerr != nil {
		t.Fatal(lerr)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	done := make(chan error, 1)
	go func() { done <- h.Serve(ctx, ln) }()
	return "http://" + ln.Addr().String(), cancel, done
}

func TestNotReadyWhileDraining(t *testing.T) {
	var h *host.Host
	started := make(chan struct{})
	f := adapt.HTTP("f", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(started)
		for r.Context().Err() == nil {
			if do(h, request("GET", "/health/readiness", "")).Code == http.StatusServiceUnavailable {
				_, _ = io.WriteString(w, "draining")
				return
			}
		}
	}))
	h, _ = newHost(t, host.Options{Grace: time.Minute}, f)
	url, end, served := serve(t, h)
	go func() { <-started; end() }()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	must(t, resp.Body.Close())
	if string(body) != "draining" || do(h, request("GET", "/health/liveness", "")).Code != 200 {
		t.Errorf("answer %q", body)
	}
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestServeWaitsForHijackers(t *testing.T) {
	left := make(chan struct{})
	var handled bool
	h, _ := newHost(t, host.Options{Grace: time.Minute}, adapt.HTTP("f", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("Hijack: %v", err)
			return
		}
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\n\r\n")
		must(t, rw.Flush())
		<-left
		handled = true
		must(t, conn.Close())
	})))
	url, end, served := serve(t, h)
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: f\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n")
	buf := make([]byte, 12)
	if _, err := io.ReadFull(conn, buf); err != nil || string(buf) != "HTTP/1.1 101" {
		t.Fatalf("upgrade: %q %v", buf, err)
	}
	end()
	close(left)
	if err := <-served; err != nil || !handled {
		t.Errorf("Serve: %v, handler done: %v", err, handled)
	}
	must(t, conn.Close())
}

func TestSinkOverTheNetwork(t *testing.T) {
	posted := make(chan string, 2)
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		events, _, err := wire.Read(r.Header, body)
		if err != nil || len(events) != 1 || r.URL.Path != "/sink/s3cret" {
			t.Errorf("post to %s: %v %s", r.URL.Path, err, body)
		}
		posted <- events[0].ID()
		w.WriteHeader(http.StatusAccepted)
	}))
	h, log := newHost(t, host.Options{Sink: engine.URL + "/sink/s3cret"}, adapt.Typed("f", func(ctx context.Context, n int) (int, error) {
		return n, fn.Emit(ctx, "next", n)
	}))
	plain := func(id string) *httptest.ResponseRecorder {
		return do(h, request("POST", "/", "1", "Content-Type", "application/json", "Weft-Event-Id", id))
	}
	for _, id := range []string{"a", "b"} {
		if w := plain(id); w.Code != 200 || w.Header().Get("Weft-Emitted") != "1" {
			t.Fatalf("answer %d %s", w.Code, w.Body)
		}
		if got := <-posted; got != id+"/0" {
			t.Errorf("event id %s", got)
		}
		// The engine closes the connection that the host keeps.
		engine.CloseClientConnections()
	}
	engine.Close()
	if w := plain("c"); w.Code != 503 || w.Header().Get("Retry-After") != "1" || strings.Contains(w.Body.String()+log.String(), "s3cret") {
		t.Errorf("without an engine: %d %v %s\n%s", w.Code, w.Header(), w.Body, log)
	}
}
