// Package sdktest is for tests of handlers that use the client of dapr/go-sdk
// themselves, with no more than client.NewClient(): it serves the components
// of a harness over the Dapr API on a loopback port. Handlers that use the
// packages state, pubsub, binding and secret need it not.
package sdktest

import (
	"context"
	"net"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/daprserver"
)

// api is the server of this process. It stays for as long as the process does:
// client.NewClient() makes one client, with the address that the environment
// names the first time, and returns that one ever after.
var api struct {
	sync.Mutex
	endpoint string
	current  component.Backend
}

// Serve serves the state, topics, bindings and secrets of h, until the test
// ends, where the environment of Dapr says. It sets environment variables, so
// that the test cannot run in parallel with others: they would share one
// client. Other parts of the API answer Unimplemented.
func Serve(t testing.TB, h *fntest.Harness) {
	t.Helper()
	api.Lock()
	defer api.Unlock()
	if api.endpoint == "" {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatalf("sdktest: %v", err)
		}
		s := grpc.NewServer(grpc.UnaryInterceptor(running))
		daprserver.Register(s, current)
		go func() { _ = s.Serve(l) }() // ends with the process
		api.endpoint = "http://" + l.Addr().String()
	}
	t.Setenv(contract.EnvDaprGRPC, api.endpoint)
	t.Setenv(contract.EnvDaprToken, "")
	api.current = component.From(h.Context()).Backend
	t.Cleanup(func() {
		api.Lock()
		defer api.Unlock()
		api.current = nil
	})
}

// current is what the test that runs has staged, nil between tests.
func current() component.Backend {
	api.Lock()
	defer api.Unlock()
	return api.current
}

// running refuses calls of handlers that outlive their test.
func running(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	if current() == nil {
		return nil, status.Error(codes.Unavailable, "no harness is served: call sdktest.Serve in the test")
	}
	return handle(ctx, req)
}
