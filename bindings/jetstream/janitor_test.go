package jetstream

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/mesh/delivery"
)

// TestOneWaitingEventFillsNoQueue: an event in a long pause, or under a
// debugger, keeps none of those that pass it in the queue once room is needed.
func TestOneWaitingEventFillsNoQueue(t *testing.T) {
	b, err := Start(t.Context(), Options{Dir: t.TempDir(), Namespace: "default", Mesh: "shop", MaxBytes: 256 << 10, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	if err := b.Declare(t.Context(), "q"); err != nil {
		t.Fatal(err)
	}
	sub, err := b.Subscribe(t.Context(), "q")
	if err != nil {
		t.Fatal(err)
	}
	var waits delivery.Delivery
	deadline := time.Now().Add(20 * time.Second)
	for i := range 200 {
		e := event.New()
		e.SetID(fmt.Sprint(i))
		e.SetSource("/a")
		e.SetType("t")
		e.DataEncoded = make([]byte, 10<<10)
		err := b.Publish(t.Context(), "q", &e)
		for ; errors.Is(err, delivery.ErrQueueFull) && time.Now().Before(deadline); err = b.Publish(t.Context(), "q", &e) {
			time.Sleep(time.Millisecond) // a full queue is swept at once, by another goroutine
		}
		if err != nil {
			t.Fatalf("event %d: %v, with one that waits in the queue", i, err)
		}
		ds, err := sub.Fetch(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		if ds[0].Event().ID() != fmt.Sprint(i) {
			t.Fatalf("event %s came, want %d", ds[0].Event().ID(), i)
		}
		if i == 3 {
			waits = ds[0]
		} else if err := ds[0].Ack(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := waits.Release(t.Context()); err != nil {
		t.Fatal(err)
	}
	ds, err := sub.Fetch(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if ds[0].Event().ID() != "3" || len(ds[0].Event().Data()) != 10<<10 {
		t.Errorf("event %s came, want 3, which waited, whole", ds[0].Event().ID())
	}
}
