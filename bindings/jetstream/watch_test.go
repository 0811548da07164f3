package jetstream

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
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

// unwatched is a Broker without a watch, with one queue, q: the test does the
// rounds.
func unwatched(t *testing.T, nc *nats.Conn) *Broker {
	t.Helper()
	opts, err := Options{Namespace: "default", Mesh: "shop", Logger: slog.New(slog.DiscardHandler)}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	b, err := newBroker(t.Context(), nc, opts, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	if err := b.Declare(t.Context(), "q"); err != nil {
		t.Fatal(err)
	}
	return b
}

// A loss is seen long before the server is done with deleting: what is made anew
// is not what the server then removes.
func TestSeenInTheMiddleOfADeletion(t *testing.T) {
	const others = 300 // consumers of others make a deletion long
	nc, dir := atServer(t)
	b := unwatched(t, nc)
	stream := b.names.queueStream("q")
	other, err := nats.Connect(nc.ConnectedUrl())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	j, err := js.New(other)
	if err != nil {
		t.Fatal(err)
	}
	for n := range others {
		if _, err := j.CreateConsumer(t.Context(), stream, js.ConsumerConfig{Durable: fmt.Sprint("other", n)}); err != nil {
			t.Fatal(err)
		}
	}
	deleted := make(chan error, 1)
	go func() { deleted <- j.DeleteStream(t.Context(), stream) }()
	for {
		made, err := b.mend(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if made {
			break
		}
	}
	if err := <-deleted; err != nil {
		t.Fatal(err)
	}
	until(t, b, "q", "1")
	if !hasDirectory(dir, stream) {
		t.Error("it is not on the disk")
	}
}

// A stream that was made too early lost its directory to the deletion: it is
// found out, and made once more.
func TestMadeTooEarly(t *testing.T) {
	nc, dir := atServer(t)
	b := unwatched(t, nc)
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
