package jetstream

import (
	"errors"
	"strconv"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/weftmesh/weft/mesh/delivery"
)

// TestArrival: a front learns of what other fronts and dispatchers send.
func TestArrival(t *testing.T) {
	b, nc := overTCP(t)
	if err := b.Declare(t.Context(), "notify-user", "other"); err != nil {
		t.Fatal(err)
	}
	arrived := make(chan struct{}, 3)
	stop, err := b.Arrival("notify-user", func() { arrived <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	other, err := nats.Connect(nc.ConnectedUrl())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	sender, err := Connect(t.Context(), other, Options{Namespace: "default", Mesh: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if err := sender.Declare(t.Context(), "notify-user", "other"); err != nil {
		t.Fatal(err)
	}
	for i, queue := range []string{"other", "notify-user", "notify-user"} {
		if err := sender.Publish(t.Context(), queue, sized(strconv.Itoa(i), 10)); err != nil {
			t.Fatal(err)
		}
	}
	<-arrived
	if err := sender.Publish(t.Context(), "notify-user", sized("third", 10)); err != nil {
		t.Fatal(err)
	}
	// The server has handed out all that it will once it answers.
	if err := b.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	if n := len(arrived); n != 0 {
		t.Errorf("it was told %d times more", n)
	}
	for queue, want := range map[string]int{"notify-user": 3, "other": 1} {
		if got, err := b.Lag(t.Context(), queue); err != nil || got != want {
			t.Errorf("the lag of %s is %d, %v, want %d", queue, got, err, want)
		}
	}
	for _, queue := range []string{"none", "*", ">"} {
		if _, err := b.Arrival(queue, func() {}); !errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("%s is watched, and is no queue: %v", queue, err)
		}
	}
	if _, err := b.Lag(t.Context(), "none"); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("the lag of a queue that is not there: %v", err)
	}
}

// TestLagCountsWhatIsInHand: nobody is sent to zero while its function works.
func TestLagCountsWhatIsInHand(t *testing.T) {
	b, _ := overTCP(t)
	if err := b.Declare(t.Context(), "notify-user"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"a", "b"} {
		if err := b.Publish(t.Context(), "notify-user", sized(id, 10)); err != nil {
			t.Fatal(err)
		}
	}
	sub, err := b.Subscribe(t.Context(), "notify-user")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Close() }()
	ds, err := sub.Fetch(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(ds) != 1 {
		t.Fatalf("%d events in hand", len(ds))
	}
	if got, err := b.Lag(t.Context(), "notify-user"); err != nil || got != 2 {
		t.Errorf("the lag is %d, %v, want that in hand and that which waits", got, err)
	}
}
