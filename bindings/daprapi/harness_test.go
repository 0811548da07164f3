package daprapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/dapr/components-contrib/state"
	inmemory "github.com/dapr/components-contrib/state/in-memory"
	"github.com/dapr/go-sdk/client"
	"github.com/dapr/kit/logger"

	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/meshtest"
)

// meshText is the mesh of most tests: orders sees everything, guest nothing.
const meshText = `
spec:
  functions:
    - {name: orders, source: ./orders, state: [store, broken], bindings: [mail], calls: [test.pricing]}
    - {name: pricing, source: ./pricing, state: [store], bindings: []}
    - {name: guest, source: ./guest, state: [], bindings: []}
  components:
    - {name: store, type: state.in-memory, version: v1}
    - {name: broken, type: state.in-memory, version: v1}
    - {name: mail, type: bindings.http, version: v1}
`

// fakes stand for opened components.
type fakes struct {
	states  map[string]*components.State
	pubsubs map[string]*components.PubSub
	outputs map[string]*components.Output
	secrets map[string]*components.Secrets
}

func (f fakes) Infos() []components.Info {
	var infos []components.Info
	for _, s := range f.states {
		infos = append(infos, s.Info)
	}
	return infos
}
func (f fakes) State(name string) *components.State     { return f.states[name] }
func (f fakes) PubSub(name string) *components.PubSub   { return f.pubsubs[name] }
func (f fakes) Output(name string) *components.Output   { return f.outputs[name] }
func (f fakes) Input(string) *components.Input          { return nil }
func (f fakes) Secrets(name string) *components.Secrets { return f.secrets[name] }

func quiet() logger.Logger {
	l := logger.NewLogger("test")
	l.SetOutputLevel(logger.FatalLevel)
	return l
}

func memory(t testing.TB) state.Store {
	t.Helper()
	s := inmemory.NewInMemoryStateStore(quiet())
	if err := s.Init(context.Background(), state.Metadata{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// noFunctions answers every call to a function with an error.
type noFunctions struct{}

func (noFunctions) Do(*mesh.Function, *http.Request) (*http.Response, error) {
	return nil, errors.New("no function runs")
}

// harness is a server on loopback with its clients.
type harness struct {
	t    testing.TB
	grpc string
	http string
	api  *API
}

func tokenOf(function string) string { return "token-of-" + function }

// start serves the API of a mesh.
func start(t testing.TB, text string, set opened, adjust ...func(*Config)) *harness {
	t.Helper()
	plan := meshtest.Plan(t, text)
	cfg := Config{
		Plan: plan, Functions: noFunctions{}, Version: "v0", Logger: slog.New(slog.DiscardHandler),
		Caller: func(token string) (*mesh.Function, bool) {
			for _, f := range plan.Functions {
				if token == tokenOf(f.Name) {
					return f, true
				}
			}
			return nil, false
		},
	}
	for _, a := range adjust {
		a(&cfg)
	}
	api := newAPI(cfg, set)
	srv := NewServer(func() (*API, func()) { return api, func() {} }, Logger(slog.New(slog.DiscardHandler)))
	l := listen(t)
	go func() { _ = srv.ServeGRPC(l) }()
	web := listen(t)
	hs := &http.Server{Handler: srv.Handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = hs.Serve(web) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = hs.Shutdown(ctx)
		_ = srv.Shutdown(ctx)
	})
	return &harness{t: t, grpc: l.Addr().String(), http: "http://" + web.Addr().String(), api: api}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// client is the go-sdk's client in the name of a function.
func (h *harness) client(function string) client.Client {
	h.t.Helper()
	c, err := client.NewClientWithAddress(h.grpc)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(c.Close)
	if function != "" {
		c.WithAuthToken(tokenOf(function))
	}
	return c
}

// stores is a set with an in-memory state store of that name.
func stores(t testing.TB) fakes {
	return fakes{states: map[string]*components.State{
		"store": {Info: components.Info{Name: "store", Type: "state.in-memory", Version: "v1"}, Store: memory(t)},
	}}
}
