// Package daprtest gives tests a client that reaches a Backend by gRPC, as a
// function reaches the engine, without a port.
package daprtest

import (
	"context"
	"errors"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/dapr"
	"github.com/weftmesh/weft/runtime/internal/daprserver"
)

// Serve serves a backend in memory until the test ends, and returns what makes
// a client of it: each call another one, as each process of a function has its
// own.
func Serve(t testing.TB, b component.Backend, opts ...grpc.ServerOption) func(token string) *component.Client {
	t.Helper()
	l := bufconn.Listen(1 << 16)
	s := grpc.NewServer(opts...)
	daprserver.Register(s, func() component.Backend { return b })
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Errorf("daprtest: %v", err)
		}
	}()
	t.Cleanup(func() {
		s.Stop()
		<-done
	})
	return func(token string) *component.Client {
		t.Helper()
		c, err := dapr.Dial("127.0.0.1:1", token, grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return l.DialContext(ctx)
		}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return &component.Client{Backend: c}
	}
}
