package brokertest

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh/delivery"
)

func full(t *testing.T, s Suite) {
	b := open(t, s, Options{MaxBytes: 256 << 10})
	data := []byte(`"` + strings.Repeat("x", 10<<10) + `"`)
	var err error
	n := 0
	for ; err == nil && n < 100; n++ {
		e := newEvent("e" + ids("", 101)[n])
		e.DataEncoded = data
		err = b.Publish(b.ctx(), "q", e)
	}
	if !errors.Is(err, delivery.ErrQueueFull) {
		t.Fatalf("after %d events: %v, want ErrQueueFull", n, err)
	}
	n--
	sub := b.subscribe()
	b.ack(b.take(sub, n)...)
	b.until(func() (bool, string) {
		err := b.Publish(b.ctx(), "q", newEvent("after"))
		return err == nil, "full with everything acknowledged"
	})
	if id := b.one(sub).Event().ID(); id != "after" {
		t.Errorf("%s came", id)
	}
}

func tooLarge(t *testing.T, s Suite) {
	b := open(t, s)
	e := newEvent("huge")
	e.DataEncoded = make([]byte, 65<<20)
	if err := b.Publish(b.ctx(), "q", e); !errors.Is(err, delivery.ErrTooLarge) {
		t.Errorf("65 MiB: %v, want ErrTooLarge", err)
	}
	b.publish("small")
}

func unknownQueue(t *testing.T, s Suite) {
	b := open(t, s)
	if err := b.Publish(b.ctx(), "nowhere", newEvent("a")); err == nil {
		t.Error("publish to a queue that nobody declared succeeded")
	}
	if _, err := b.Subscribe(b.ctx(), "nowhere"); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("subscribe: %v, want ErrNotFound", err)
	}
	if _, err := b.Stats(b.ctx(), "nowhere"); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("stats: %v, want ErrNotFound", err)
	}
}

func declareTwice(t *testing.T, s Suite) {
	b := open(t, s)
	b.publish("a")
	if err := b.Declare(b.ctx(), "q", "p"); err != nil {
		t.Fatal(err)
	}
	if id := b.one(b.subscribe()).Event().ID(); id != "a" {
		t.Errorf("%s came", id)
	}
}

func manyQueues(t *testing.T, s Suite) {
	b := open(t, s)
	names := ids("queue-", 50)
	names = append(names, "dead", "state", "shared")
	if err := b.Declare(b.ctx(), names...); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := b.Publish(b.ctx(), name, newEvent("for-"+name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range names {
		sub, err := b.Subscribe(b.ctx(), name)
		if err != nil {
			t.Fatal(err)
		}
		d := b.one(sub)
		if d.Event().ID() != "for-"+name {
			t.Errorf("queue %s gave %s", name, d.Event().ID())
		}
		b.ack(d)
		if err := sub.Close(); err != nil {
			t.Error(err)
		}
	}
}

func stats(t *testing.T, s Suite) {
	b := open(t, s)
	b.publish(ids("e", 10)...)
	sub := b.subscribe()
	ds := b.take(sub, 4)
	b.ack(ds[0])
	b.until(func() (bool, string) {
		st, err := b.Broker.Stats(b.ctx(), "q")
		if err != nil {
			t.Fatal(err)
		}
		return st.Waiting == 6 && st.InFlight == 3 && !st.Oldest.IsZero(), cmp.Diff(delivery.Stats{Waiting: 6, InFlight: 3}, st)
	})
}

func closed(t *testing.T, s Suite) {
	b := open(t, s)
	sub := b.subscribe()
	if err := b.Broker.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Broker.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if err := b.Publish(b.ctx(), "q", newEvent("a")); !errors.Is(err, delivery.ErrClosed) {
		t.Errorf("publish: %v, want ErrClosed", err)
	}
	if _, err := sub.Fetch(b.ctx(), 1); !errors.Is(err, delivery.ErrClosed) {
		t.Errorf("fetch: %v, want ErrClosed", err)
	}
}
