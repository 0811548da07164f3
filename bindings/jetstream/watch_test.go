package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// atServer runs a server that is not the Broker's own, and connects to it.
func atServer(t *testing.T) (nc *nats.Conn, dir string) {
	t.Helper()
	dir = t.TempDir()
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("server does not get ready")
	}
	if nc, err = nats.Connect(srv.ClientURL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc, dir
}

// until publishes an event until it is taken.
func until(t *testing.T, b *Broker, queue, id string) {
	t.Helper()
	var err error
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		err = b.Publish(ctx, queue, sized(id, 10))
		cancel()
		if err == nil {
			return
		}
	}
	t.Errorf("queue %s never took %s: %v", queue, id, err)
}

// hasDirectory says whether what a stream holds is on the disk.
func hasDirectory(dir, stream string) bool {
	_, err := os.Stat(filepath.Join(dir, "jetstream", "$G", "streams", stream, "meta.inf"))
	return err == nil
}

// Streams are deleted while events are published, which tells the Broker of it
// long before the server is done: what is made anew takes events, and keeps them.
func TestDeletedWhilePublishing(t *testing.T) {
	const queues, others = 6, 60 // consumers of others make a deletion long
	nc, dir := atServer(t)
	opts := Options{Namespace: "default", Mesh: "shop", Logger: slog.New(slog.DiscardHandler)}
	b, err := Connect(t.Context(), nc, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	var deleted, published sync.WaitGroup
	start, stop := make(chan struct{}), make(chan struct{})
	for i := range queues {
		queue := fmt.Sprint("q", i)
		if err := b.Declare(t.Context(), queue); err != nil {
			t.Fatal(err)
		}
		conn, err := nats.Connect(nc.ConnectedUrl())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		j, err := js.New(conn)
		if err != nil {
			t.Fatal(err)
		}
		for n := range others {
			if _, err := j.CreateConsumer(t.Context(), b.names.queueStream(queue), js.ConsumerConfig{Durable: fmt.Sprint("other", n)}); err != nil {
				t.Fatal(err)
			}
		}
		deleted.Go(func() {
			<-start
			if err := j.DeleteStream(t.Context(), b.names.queueStream(queue)); err != nil {
				t.Error(err)
			}
		})
		published.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					until(t, b, queue, "last")
					return
				default:
					until(t, b, queue, fmt.Sprint(n))
				}
			}
		})
	}
	close(start)
	deleted.Wait()
	close(stop)
	published.Wait()
	for i := range queues {
		if stream := b.names.queueStream(fmt.Sprint("q", i)); !hasDirectory(dir, stream) {
			t.Errorf("stream %s is not on the disk", stream)
		}
	}
}

// A stream that was made too early lost its directory to the deletion: it is
// found out, and made once more.
func TestMadeTooEarly(t *testing.T) {
	nc, dir := atServer(t)
	opts, err := Options{Namespace: "default", Mesh: "shop", Logger: slog.New(slog.DiscardHandler)}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBroker(t.Context(), nc, opts, nil, nil) // no watch: the test does its rounds
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	if err := b.Declare(t.Context(), "q"); err != nil {
		t.Fatal(err)
	}
	stream := b.names.queueStream("q")
	if err := b.js.DeleteStream(t.Context(), stream); err != nil {
		t.Fatal(err)
	}
	if made, err := b.mend(t.Context()); !made || err != nil {
		t.Fatalf("made %v: %v", made, err)
	}
	// As the server does at the end of a deletion.
	if err := os.RemoveAll(filepath.Join(dir, "jetstream", "$G", "streams", stream)); err != nil {
		t.Fatal(err)
	}
	if made, err := b.mend(t.Context()); !made || err != nil {
		t.Fatalf("made %v: %v", made, err)
	}
	until(t, b, "q", "1")
	if !hasDirectory(dir, stream) {
		t.Error("it is not on the disk")
	}
	if made, err := b.mend(t.Context()); made || err != nil || len(b.fresh) > 0 {
		t.Errorf("made %v, to be looked at %v: %v", made, b.fresh, err)
	}
}
