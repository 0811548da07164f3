package jetstream

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// overTCP is a Broker on a server reached over loopback, beside the embedded
// one that is reached over a pipe.
func overTCP(tb testing.TB) (*Broker, *nats.Conn) {
	tb.Helper()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: tb.TempDir(), NoSigs: true, NoLog: true})
	if err != nil {
		tb.Fatal(err)
	}
	srv.Start()
	tb.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(10 * time.Second) {
		tb.Fatal("server does not get ready")
	}
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(nc.Close)
	b, err := Connect(tb.Context(), nc, Options{Namespace: "default", Mesh: "shop"})
	if err != nil {
		tb.Fatal(err)
	}
	return b, nc
}

func BenchmarkQueue(b *testing.B) {
	b.Run("Pipe", func(b *testing.B) {
		s, err := Start(b.Context(), Options{Dir: b.TempDir(), Namespace: "default", Mesh: "shop", Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		benchQueue(b, s.Broker)
	})
	b.Run("Loopback", func(b *testing.B) {
		broker, _ := overTCP(b)
		benchQueue(b, broker)
	})
}

// benchQueue publishes, takes and acknowledges events, many at once.
func benchQueue(b *testing.B, broker *Broker) {
	ctx := context.Background()
	if err := broker.Declare(ctx, "q"); err != nil {
		b.Fatal(err)
	}
	sub, err := broker.Subscribe(ctx, "q")
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan struct{})
	total := int64(b.N)
	go func() {
		defer close(done)
		for n := int64(0); n < total; {
			ds, err := sub.Fetch(ctx, 256)
			if err != nil {
				panic(err)
			}
			for _, d := range ds {
				if err := d.Ack(ctx); err != nil {
					panic(err)
				}
			}
			n += int64(len(ds))
		}
	}()
	var next atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := broker.Publish(ctx, "q", sized("e"+strconv.FormatInt(next.Add(1), 10), 300)); err != nil {
				panic(err)
			}
		}
	})
	<-done
	if err := sub.Close(); err != nil {
		b.Fatal(err)
	}
}

// TestConnect runs events over a server that is not ours.
func TestConnect(t *testing.T) {
	b, nc := overTCP(t)
	if err := b.Declare(t.Context(), "q"); err != nil {
		t.Fatal(err)
	}
	sub, err := b.Subscribe(t.Context(), "q")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Publish(t.Context(), "q", sized("a", 10)); err != nil {
		t.Fatal(err)
	}
	ds, err := sub.Fetch(t.Context(), 1)
	if err != nil || ds[0].Event().ID() != "a" {
		t.Fatalf("got %v, %v", ds, err)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if nc.IsClosed() {
		t.Error("Close closed a connection that is not its own")
	}
}
