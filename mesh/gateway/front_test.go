package gateway_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftmesh/weft/bindings/jetstream"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
	"github.com/weftmesh/weft/mesh/gateway"
	"github.com/weftmesh/weft/mesh/meshtest"
	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/runtime/host"
)

// front is a gateway, a sink, queues and functions, put together as an engine
// does, in one process.
type front struct {
	t    *testing.T
	url  string
	urls map[string]string

	mu sync.Mutex
	// seen counts the bodies that a function was called with by events.
	seen map[string]int
}

func (f *front) Acquire(_ context.Context, fun *mesh.Function) (delivery.Endpoint, error) {
	return delivery.Endpoint{URL: f.urls[fun.Name], Token: "token-" + fun.Name, Release: func(bool) {}}, nil
}

func (f *front) Prewarm(*mesh.Function) {}

func newFront(t *testing.T, maxBytes int64, text string, handlers map[string]http.HandlerFunc) *front {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	plan := meshtest.Plan(t, text)
	broker, err := jetstream.Start(t.Context(), jetstream.Options{
		Dir: t.TempDir(), Namespace: plan.Namespace, Mesh: plan.Name, MaxBytes: maxBytes, Logger: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Close() })
	f := &front{t: t, urls: make(map[string]string), seen: make(map[string]int)}
	d, err := delivery.New(delivery.Config{Plan: plan, Broker: broker, Endpoints: f, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	tokens := make(map[string]string)
	for _, fun := range plan.Functions {
		tokens[fun.Name] = "token-" + fun.Name
	}
	sink := httptest.NewServer(gateway.NewSink(gateway.SinkConfig{Plan: plan, Dispatcher: d, Tokens: tokens, Logger: log}))
	t.Cleanup(sink.Close)
	for _, fun := range plan.Functions {
		h, err := host.New(host.Options{Sink: sink.URL + gateway.SinkPath + tokens[fun.Name], Logger: log},
			host.Function{Name: fun.Name, HTTP: handlers[fun.Name]})
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		f.urls[fun.Name] = s.URL
	}
	g, err := gateway.New(gateway.Config{Plan: plan, Endpoints: f, Dispatcher: d, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(g)
	t.Cleanup(s.Close)
	f.url = s.URL
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return f
}

func (f *front) post(path, key, body string) *http.Response {
	f.t.Helper()
	req, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.url+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Idempotency-Key", key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp
}

func (f *front) count(body string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[body]
}

// eventually waits for what nobody announces.
func (f *front) eventually(what string, holds func() bool) {
	f.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("it never came to %s", what)
		}
	}
}

// TestFullQueue: when the queue behind a function is full its clients are told
// when to come back, whether it answers or emits; and repeating a request with
// its key until it is accepted brings every event once.
func TestFullQueue(t *testing.T) {
	pad := strings.Repeat("x", 8<<10)
	for name, handler := range map[string]http.HandlerFunc{
		"Answers": func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(b)
		},
		"Emits": func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			if err := fn.Emit(r.Context(), "next", b); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			hold := make(chan struct{})
			var f *front
			f = newFront(t, 128<<10, `
metadata: {name: shop}
spec:
  functions: [{name: in, triggers: [{type: http, path: /in}]}, {name: next, concurrency: 1, scaling: {maxReplicas: 1}}]
  connections: [{from: in, to: next}]
`, map[string]http.HandlerFunc{
				"in": handler,
				"next": func(w http.ResponseWriter, r *http.Request) {
					b, _ := io.ReadAll(r.Body)
					<-hold
					f.mu.Lock()
					f.seen[string(b)]++
					f.mu.Unlock()
					w.WriteHeader(http.StatusNoContent)
				},
			})
			body := func(i int) string { return fmt.Sprintf(`{"n":%d,"pad":%q}`, i, pad) }
			const orders = 30
			refused := 0
			var later []int
			for i := range orders {
				resp := f.post("/in", fmt.Sprint("key-", i), body(i))
				switch resp.StatusCode {
				case http.StatusOK:
				case http.StatusServiceUnavailable:
					refused++
					later = append(later, i)
					if resp.Header.Get("Retry-After") == "" {
						t.Error("503 without Retry-After")
					}
				default:
					t.Fatalf("order %d: %s", i, resp.Status)
				}
			}
			if refused == 0 || refused == orders {
				t.Fatalf("%d of %d orders refused: the queue was not filled", refused, orders)
			}
			close(hold)
			for _, i := range later {
				f.eventually("an order accepted", func() bool {
					return f.post("/in", fmt.Sprint("key-", i), body(i)).StatusCode == http.StatusOK
				})
			}
			for i := range orders { // all again: nobody knows which answers got lost
				f.eventually("an order accepted again", func() bool {
					return f.post("/in", fmt.Sprint("key-", i), body(i)).StatusCode == http.StatusOK
				})
			}
			f.eventually("every order handled", func() bool {
				for i := range orders {
					if f.count(body(i)) == 0 {
						return false
					}
				}
				return true
			})
			for i := range orders {
				if n := f.count(body(i)); n != 1 {
					t.Errorf("order %d was handled %d times", i, n)
				}
			}
		})
	}
}

// TestOddKeys: any key that is accepted identifies its request, and only it.
func TestOddKeys(t *testing.T) {
	var f *front
	emit := func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.URL.Query().Has("emit") {
			_ = fn.Emit(r.Context(), "next", b)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(b)
	}
	f = newFront(t, 0, `
metadata: {name: shop}
spec:
  functions: [{name: in, triggers: [{type: http, path: /in}]}, {name: next}]
  connections: [{from: in, to: next}]
`, map[string]http.HandlerFunc{"in": emit, "next": func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.seen[string(b)]++
		f.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}})
	keys := []string{"a", "A", "a/0", "a/0/0", `"a"`, "%61", "a%2F0", "a b", "a  b", "a,b", "../a", "a\\", strings.Repeat("k", 255), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
	n := 0
	for range 2 {
		n = 0
		for _, query := range []string{"", "?emit"} {
			for _, key := range keys {
				if resp := f.post("/in"+query, key, fmt.Sprint(n)); resp.StatusCode != http.StatusOK {
					t.Errorf("key %q: %s", key, resp.Status)
				}
				n++
			}
		}
	}
	f.eventually("every request's event", func() bool {
		for i := range n {
			if f.count(fmt.Sprint(i)) == 0 {
				return false
			}
		}
		return true
	})
	for i := range n {
		if got := f.count(fmt.Sprint(i)); got != 1 {
			t.Errorf("request %d made %d events", i, got)
		}
	}
	for _, key := range []string{strings.Repeat("k", 256), "ü", "a\tb", "\x80"} {
		if resp := f.post("/in", key, "0"); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("key %q: %s, want 400", key, resp.Status)
		}
	}
}
