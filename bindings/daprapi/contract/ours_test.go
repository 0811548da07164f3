package contract

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/bindings/daprapi"
	"github.com/weftmesh/weft/bindings/subscriptions"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/source"
)

// TestOurs holds what we serve against daprd's facts.
func TestOurs(t *testing.T) { Run(t, ours{}, true) }

// ours is what weft up serves, put together as it does, in this process.
type ours struct{}

func (ours) Start(t *testing.T, s Setup) Address {
	t.Helper()
	const token = "contract-token-of-ours"
	logger := slog.New(slog.NewTextHandler(&testLog{t}, nil))
	b, problems := source.Load(filepath.Join(s.Dir, source.DefaultFile), source.Options{})
	if b.Plan == nil {
		t.Fatalf("the mesh does not load: %v", problems)
	}
	set, err := components.Open(t.Context(), components.Config{
		Plan: b.Plan, Dir: t.TempDir(), Base: b.Dir, Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := set.Close(); err != nil {
			t.Errorf("closing components: %v", err)
		}
	})
	app, err := url.Parse(s.App.URL)
	if err != nil {
		t.Fatal(err)
	}
	functions := toApp{app}
	manager, err := subscriptions.New(subscriptions.Config{
		Plan: b.Plan, Components: set, Declared: b.Subscriptions, Functions: functions, Logger: logger,
	})
	if err != nil {
		t.Fatal(err)
	}
	api, err := daprapi.New(daprapi.Config{
		Plan: b.Plan, Components: set, Functions: functions, Topics: manager, Version: "v0.0.0-ours", Logger: logger,
		Caller: func(given string) (*mesh.Function, bool) { return b.Plan.Functions[0], given == token },
	})
	if err != nil {
		t.Fatal(err)
	}
	server := daprapi.NewServer(func() (*daprapi.API, func()) { return api, func() {} })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.ServeGRPC(l) }()
	web := httptest.NewServer(server.Handler())

	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- manager.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ran
		stop, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Shutdown(stop) // streams of cases may be open
		web.Close()
	})
	for end := time.Now().Add(patience); len(manager.Active()) < 17; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d subscriptions are in force after %s", len(manager.Active()), patience)
		}
	}
	return Address{HTTP: web.URL, GRPC: l.Addr().String(), Token: token}
}

// toApp sends what is for the function to the application.
type toApp struct{ at *url.URL }

func (a toApp) Do(_ *mesh.Function, r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host, r.RequestURI = a.at.Scheme, a.at.Host, a.at.Host, ""
	return client.Do(r)
}

// testLog writes to a test's log while the test runs.
type testLog struct{ t *testing.T }

func (l *testLog) Write(p []byte) (int, error) {
	if l.t.Context().Err() == nil {
		l.t.Logf("%s", p)
	}
	return len(p), nil
}
