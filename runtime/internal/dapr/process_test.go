package dapr_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dapr/go-sdk/client"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/weftmesh/weft/runtime/internal/call"
	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/dapr"
	"github.com/weftmesh/weft/runtime/internal/daprserver"
	"github.com/weftmesh/weft/runtime/internal/daprtest"
	"github.com/weftmesh/weft/runtime/internal/memory"
)

// seen keeps the metadata of calls.
type seen struct {
	mu  sync.Mutex
	all []metadata.MD
}

func (s *seen) intercept(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	md, _ := metadata.FromIncomingContext(ctx)
	s.mu.Lock()
	s.all = append(s.all, md)
	s.mu.Unlock()
	return handle(ctx, req)
}

func (s *seen) last() metadata.MD {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all[len(s.all)-1]
}

// listen serves a memory on a loopback port.
func listen(t *testing.T, m *memory.Memory) (endpoint string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, m)
	return "http://" + l.Addr().String()
}

// serve refuses other tokens than "secret", until it is stopped or the test ends.
func serve(t *testing.T, l net.Listener, m *memory.Memory) (stop func()) {
	t.Helper()
	s := grpc.NewServer(grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		if !slices.Equal(md.Get("dapr-api-token"), []string{"secret"}) {
			return nil, status.Error(codes.Unauthenticated, "unknown token")
		}
		return handle(ctx, req)
	}))
	daprserver.Register(s, func() component.Backend { return m })
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Error(err)
		}
	}()
	stop = func() {
		s.Stop()
		<-done
	}
	t.Cleanup(stop)
	return stop
}

func TestFrom(t *testing.T) {
	m := &memory.Memory{}
	m.Put("s", "k", []byte("v"))
	endpoint := listen(t, m)
	t.Setenv("DAPR_GRPC_ENDPOINT", endpoint)
	t.Setenv("DAPR_API_TOKEN", "secret")
	first, err := dapr.From(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := dapr.From(t.Context()); again != first || err != nil {
		t.Errorf("a process has one client: %p, %p, %v", first, again, err)
	}
	if r, err := first.Get(t.Context(), "s", []string{"k"}); err != nil || string(r[0].Value) != "v" {
		t.Errorf("Get = %v, %v", r, err)
	}
	staged := &component.Client{Backend: m}
	if c, err := dapr.From(component.With(t.Context(), staged)); c != staged || err != nil {
		t.Errorf("a context's comes first: %p, %v", c, err)
	}

	t.Setenv("DAPR_API_TOKEN", "another")
	c, err := dapr.From(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), "s", []string{"k"}); !errors.Is(err, component.ErrDenied) || strings.Contains(err.Error(), "another") {
		t.Errorf("with another token: %v", err)
	}

	t.Setenv("DAPR_API_TOKEN", "secret")
	t.Setenv("DAPR_GRPC_ENDPOINT", "")
	t.Setenv("DAPR_GRPC_PORT", endpoint[strings.LastIndex(endpoint, ":")+1:])
	if c, err = dapr.From(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(t.Context(), "s", []string{"k"}); err != nil {
		t.Errorf("by DAPR_GRPC_PORT: %v", err)
	}

	t.Setenv("DAPR_GRPC_PORT", "")
	if _, err := dapr.From(t.Context()); err != component.ErrNoEngine {
		t.Errorf("without an engine: %v", err)
	}
	t.Setenv("DAPR_GRPC_ENDPOINT", "nonsense://")
	if _, err := dapr.From(t.Context()); err == nil || !strings.Contains(err.Error(), "DAPR_GRPC_ENDPOINT: ") {
		t.Errorf("with an endpoint that is none: %v", err)
	}
}

func TestEngineGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	endpoint := l.Addr().String()
	_ = l.Close()
	b, err := dapr.Dial(endpoint, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	if _, err := b.Get(t.Context(), "s", []string{"k"}); !errors.Is(err, component.ErrUnavailable) {
		t.Errorf("Get = %v", err)
	}
}

// TestEngineAgain: an engine that ends and comes back is found again, by the
// connection there is.
func TestEngineAgain(t *testing.T) {
	m := &memory.Memory{}
	m.Put("s", "k", []byte("v"))
	path := filepath.Join(t.TempDir(), "s")
	var stop func()
	start := func() {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		stop = serve(t, l, m)
	}
	start()
	b, err := dapr.Dial("unix://"+path, "secret")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	get := func() error {
		_, err := b.Get(t.Context(), "s", []string{"k"})
		return err
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	stop()
	for err = get(); err == nil || !strings.Contains(err.Error(), "dial unix"); err = get() {
		if !errors.Is(err, component.ErrUnavailable) {
			t.Fatalf("while it is gone: %v", err)
		}
	}
	start() // after an attempt to connect that failed
	for err = get(); errors.Is(err, component.ErrUnavailable); err = get() {
	}
	if err != nil {
		t.Errorf("after it came back: %v", err)
	}
}

// TestTimeIsUp: who calls does not wait longer than it may, whatever the
// engine does.
func TestTimeIsUp(t *testing.T) {
	b, err := dapr.Dial("127.0.0.1:1", "", grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := b.Get(short, "s", []string{"k"}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with a deadline: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Get(ended, "s", []string{"k"}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// TestSDKAlone: a handler may use go-sdk with no more than client.NewClient()
// and the environment. That client is one for the process, so that the test
// has a process of its own.
func TestSDKAlone(t *testing.T) {
	if os.Getenv("WEFT_TEST_HANDLER") != "" {
		handler(t)
		return
	}
	m := &memory.Memory{}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSDKAlone$")
	cmd.Env = append(os.Environ(), "WEFT_TEST_HANDLER=1", "DAPR_GRPC_ENDPOINT="+listen(t, m), "DAPR_API_TOKEN=secret")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "API Token") {
		t.Errorf("it prints what a record of the log should say: %s", out)
	}
	if v, ok := m.Peek("s", "k"); !ok || string(v) != "v" {
		t.Errorf("stored: %q, %v", v, ok)
	}
	if got := m.Published("p", "t"); len(got) != 1 || string(got[0].Data) != `{"n":1}` {
		t.Errorf("published %v", got)
	}
}

func handler(t *testing.T) {
	t.Helper()
	var log bytes.Buffer
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	c, err := client.NewClient()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if !strings.Contains(log.String(), `level=DEBUG msg="API Token loaded from the environment variable" from=dapr/go-sdk`) {
		t.Errorf("what it says is no record of the log: %s", &log)
	}
	if err := c.SaveState(t.Context(), "s", "k", []byte("v"), nil); err != nil {
		t.Fatal(err)
	}
	if item, err := c.GetState(t.Context(), "s", "k", nil); err != nil || string(item.Value) != "v" {
		t.Errorf("GetState = %v, %v", item, err)
	}
	if err := c.PublishEvent(t.Context(), "p", "t", map[string]int{"n": 1}); err != nil {
		t.Error(err)
	}
}

// A socket is an endpoint too, for this client and that of go-sdk.
func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a %?#b")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	m := &memory.Memory{}
	m.Put("s", "k", []byte("v"))
	serve(t, l, m)
	short := filepath.Join(filepath.Dir(path), "s") // go-sdk does not take just any path
	if err := os.Symlink(path, short); err != nil {
		t.Fatal(err)
	}
	b, err := dapr.Dial((&url.URL{Scheme: "unix", Path: path}).String(), "secret")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = b.Close() }()
	if r, err := b.Get(t.Context(), "s", []string{"k"}); err != nil || string(r[0].Value) != "v" {
		t.Errorf("Get = %v, %v", r, err)
	}
	t.Setenv("DAPR_API_TOKEN", "secret")
	t.Setenv("DAPR_GRPC_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("WEFT_DAPR_SOCKET", path)
	own, err := dapr.From(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own.Get(t.Context(), "s", []string{"k"}); err != nil {
		t.Errorf("the engine's socket comes first: %v", err)
	}
	c, err := client.NewClientWithAddressContext(t.Context(), "unix://"+short)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if item, err := c.GetState(t.Context(), "s", "k", nil); err != nil || string(item.Value) != "v" {
		t.Errorf("GetState = %v, %v", item, err)
	}
}

func TestTrace(t *testing.T) {
	s := &seen{}
	c := daprtest.Serve(t, &memory.Memory{}, grpc.UnaryInterceptor(s.intercept))("secret")
	span := func(n byte) trace.SpanContext {
		return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{n}, SpanID: trace.SpanID{n}, TraceFlags: trace.FlagsSampled})
	}
	const parent1, parent2 = "00-01000000000000000000000000000000-0100000000000000-01", "00-02000000000000000000000000000000-0200000000000000-01"
	base := t.Context()
	cases := map[string]struct {
		reason string
		ctx    context.Context
		want   []string
	}{
		"none":        {"outside a call there is no trace", base, nil},
		"call":        {"the trace of the function's call", call.With(base, &call.Call{Span: span(1)}), []string{parent1}},
		"span":        {"a span of the handler's own is nearer", trace.ContextWithSpanContext(call.With(base, &call.Call{Span: span(1)}), span(2)), []string{parent2}},
		"by the hand": {"metadata that the handler has set stays", metadata.AppendToOutgoingContext(call.With(base, &call.Call{Span: span(1)}), "traceparent", parent2), []string{parent2}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			ctx := metadata.AppendToOutgoingContext(tc.ctx, "own", "1")
			if _, err := c.Get(ctx, "s", []string{"k"}); err != nil {
				t.Fatal(err)
			}
			md := s.last()
			if got := md.Get("traceparent"); !slices.Equal(got, tc.want) {
				t.Errorf("%s: traceparent %v, want %v", tc.reason, got, tc.want)
			}
			if got := md.Get("dapr-api-token"); !slices.Equal(got, []string{"secret"}) {
				t.Errorf("token %v", got)
			}
			if got := md.Get("own"); !slices.Equal(got, []string{"1"}) {
				t.Errorf("the handler's metadata: %v", got)
			}
		})
	}
}
