package daprapi

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/dapr/go-sdk/client"

	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/meshtest"
)

// BenchmarkState measures calls of the go-sdk's client, one after another, with
// an in-memory store: over TCP on loopback, and over a unix socket. p50-ns is
// the median of one call.
func BenchmarkState(b *testing.B) {
	for _, network := range []string{"tcp", "unix"} {
		ops := map[string]func(context.Context, client.Client) error{
			"get": func(ctx context.Context, c client.Client) error {
				_, err := c.GetState(ctx, "store", "k", nil)
				return err
			},
			"save": func(ctx context.Context, c client.Client) error {
				return c.SaveState(ctx, "store", "k", []byte(`{"sku":"A-1","left":5}`), nil)
			},
			"transaction": func(ctx context.Context, c client.Client) error {
				return c.ExecuteStateTransaction(ctx, "store", nil, []*client.StateOperation{
					{Type: client.StateOperationTypeUpsert, Item: &client.SetStateItem{Key: "k", Value: []byte(`{"sku":"A-1","left":5}`)}},
					{Type: client.StateOperationTypeUpsert, Item: &client.SetStateItem{Key: "l", Value: []byte(`{"sku":"A-2","left":5}`)}},
				})
			},
		}
		for _, name := range []string{"get", "save", "transaction"} {
			b.Run(network+"/"+name, func(b *testing.B) {
				c := benchClient(b, network)
				ctx := context.Background()
				if err := ops["save"](ctx, c); err != nil {
					b.Fatal(err)
				}
				took := make([]time.Duration, 0, b.N)
				b.ReportAllocs()
				for b.Loop() {
					begin := time.Now()
					if err := ops[name](ctx, c); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(begin))
				}
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2]), "p50-ns")
				b.ReportMetric(float64(took[len(took)*99/100]), "p99-ns")
			})
		}
	}
}

func benchClient(b *testing.B, network string) client.Client {
	b.Helper()
	plan := meshtest.Plan(b, "spec: {functions: [{name: f, source: ./f, state: [store]}], components: [{name: store, type: state.in-memory, version: v1}]}")
	set, err := components.Open(context.Background(), components.Config{Plan: plan, Dir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = set.Close() })
	api, err := New(Config{
		Plan: plan, Components: set, Functions: noFunctions{}, Logger: slog.New(slog.DiscardHandler),
		Caller: func(token string) (*mesh.Function, bool) { return plan.Functions[0], token == "t" },
	})
	if err != nil {
		b.Fatal(err)
	}
	srv := NewServer(func() (*API, func()) { return api, func() {} })
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(b.TempDir(), "dapr.sock")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = srv.ServeGRPC(l) }()
	b.Cleanup(func() { _ = srv.Shutdown(context.Background()) })
	var c client.Client
	if network == "unix" {
		c, err = client.NewClientWithSocket(address)
	} else {
		c, err = client.NewClientWithAddressContext(b.Context(), l.Addr().String())
	}
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(c.Close)
	c.WithAuthToken("t")
	return c
}
