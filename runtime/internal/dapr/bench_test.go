package dapr_test

import (
	"net"
	"path/filepath"
	"testing"

	"google.golang.org/grpc"

	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/dapr"
	"github.com/weftmesh/weft/runtime/internal/daprserver"
	"github.com/weftmesh/weft/runtime/internal/memory"
)

// BenchmarkTransport compares the ways to reach an engine: what a read costs
// that the store itself answers at once.
func BenchmarkTransport(b *testing.B) {
	for name, listen := range map[string]func() (net.Listener, string, error){
		"tcp": func() (net.Listener, string, error) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				return nil, "", err
			}
			return l, "http://" + l.Addr().String(), nil
		},
		"unix": func() (net.Listener, string, error) {
			path := filepath.Join(b.TempDir(), "s")
			l, err := net.Listen("unix", path)
			return l, "unix://" + path, err
		},
	} {
		l, endpoint, err := listen()
		if err != nil {
			b.Fatal(err)
		}
		m := &memory.Memory{}
		m.Put("s", "k", make([]byte, 200))
		s := grpc.NewServer()
		daprserver.Register(s, func() component.Backend { return m })
		go func() { _ = s.Serve(l) }()
		client, err := dapr.Dial(endpoint, "token")
		if err != nil {
			b.Fatal(err)
		}
		get := func(b *testing.B) {
			if _, err := client.Get(b.Context(), "s", []string{"k"}); err != nil {
				b.Error(err)
			}
		}
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				get(b)
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					get(b)
				}
			})
		})
		_ = client.Close()
		s.Stop()
	}
}
