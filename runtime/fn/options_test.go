package fn

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/weftmesh/weft/runtime/host"
)

func serveWith(t *testing.T, opts ...Option) (p *program, h *host.Host, ln net.Listener) {
	t.Helper()
	p = &program{}
	for _, o := range opts {
		o(p)
	}
	h, err := host.New(host.Options{Ready: p.ready, Alive: p.alive}, host.Function{Name: "hello", HTTP: http.NotFoundHandler()})
	if err != nil {
		t.Fatal(err)
	}
	if ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return p, h, ln
}

func TestHooks(t *testing.T) {
	var order []string
	ctx, cancel := context.WithCancel(t.Context())
	p, h, ln := serveWith(t,
		OnStart(func(ctx context.Context) error { order = append(order, "start"); cancel(); return nil }),
		OnStop(func(ctx context.Context) error { order = append(order, "stop"); return ctx.Err() }))
	if err := p.serve(ctx, h, ln, 0); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(order, " "); got != "start stop" {
		t.Errorf("called %s", got)
	}
}

func TestHooksFail(t *testing.T) {
	no := errors.New("no")
	p, h, ln := serveWith(t, OnStart(func(context.Context) error { return no }), OnStop(func(context.Context) error { return errors.New("left open") }))
	err := p.serve(t.Context(), h, ln, 0)
	if !errors.Is(err, no) || !strings.Contains(err.Error(), "start: no") || !strings.Contains(err.Error(), "stop: left open") {
		t.Errorf("got %v", err)
	}
}

func TestProbes(t *testing.T) {
	p, h, ln := serveWith(t, Readiness(func() error { return errors.New("cold") }), Liveness(func() error { return errors.New("stuck") }), OnStart(func(context.Context) error { return nil }))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.serve(ctx, h, ln, 0) }()
	for path, want := range map[string]string{"readiness": "not ready: cold", "liveness": "not alive: stuck"} {
		resp, err := http.Get("http://" + ln.Addr().String() + "/health/" + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(string(body), want) {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
