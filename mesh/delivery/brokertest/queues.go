package brokertest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh/delivery"
)

func roundTrip(t *testing.T, s Suite) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	cases := map[string]struct {
		reason string
		change func(e *event.Event)
	}{
		"Plain":     {"an event as it is", func(*event.Event) {}},
		"NoData":    {"an event need not have data", func(e *event.Event) { e.DataEncoded = nil }},
		"Unicode":   {"attributes are any Unicode", func(e *event.Event) { e.SetSubject("Größe 100 % \"ゼロ\" 🧵"); e.SetExtension("who", "Žofie") }},
		"Schema":    {"a data schema is kept", func(e *event.Event) { e.SetDataSchema("https://example.com/a?b=c") }},
		"Extension": {"extensions of Weft's and others", func(e *event.Event) { e.SetExtension("weftfrom", "a"); e.SetExtension("n", "7") }},
		"Binary": {"data is any bytes", func(e *event.Event) {
			e.SetDataContentType("image/png")
			e.DataEncoded, e.DataBase64 = []byte{0, 1, 0xff, '\r', '\n'}, true
		}},
		"Charset": {"parameters of the content type are kept", func(e *event.Event) { e.SetDataContentType("text/plain; charset=utf-8") }},
		"Big":     {"a megabyte fits", func(e *event.Event) { e.SetDataContentType("text/plain"); e.DataEncoded = big }},
	}
	b := open(t, s)
	sub := b.subscribe()
	for name, tc := range cases {
		if s.Waived["RoundTrip/"+name] != "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			want := newEvent(name)
			tc.change(want)
			before := time.Now().Add(-time.Minute)
			if err := b.Publish(b.ctx(), "q", want); err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			d := b.one(sub)
			got := *d.Event()
			if !bytes.Equal(want.DataEncoded, got.DataEncoded) {
				t.Errorf("%s: %d bytes of data, want %d, the same", tc.reason, len(got.DataEncoded), len(want.DataEncoded))
			}
			want.DataEncoded, got.DataEncoded = nil, nil
			if diff := cmp.Diff(*want, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
			if d.Attempts() != 0 || d.Enqueued().Before(before) {
				t.Errorf("%s: attempts %d, enqueued %v", tc.reason, d.Attempts(), d.Enqueued())
			}
			b.ack(d)
		})
	}
	b.empty()
}

// brief is an ack wait after which a test can wait for what it left unsettled.
var brief = Options{AckWait: time.Second}

func restart(t *testing.T, s Suite) {
	b := open(t, s, brief)
	all := ids("e", 100)
	b.publish(all...)
	ds := b.take(b.subscribe(), 50)
	b.ack(ds[:40]...)
	b.restart()
	// Settled as they come: what was in hand comes after the ack wait, by when
	// the others would come again.
	var got []string
	for sub := b.subscribe(); len(got) < 60; {
		again := b.take(sub, 1)
		b.ack(again...)
		got = append(got, idsOf(again)...)
	}
	slices.Sort(got)
	want := slices.Clone(all)
	for _, d := range ds[:40] {
		want = slices.DeleteFunc(want, func(id string) bool { return id == d.Event().ID() })
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what was not acknowledged comes again, the rest does not: -want +got\n%s", diff)
	}
}

func dedup(t *testing.T, s Suite) {
	b := open(t, s)
	b.publish("a", "a", "b", "a")
	other := newEvent("a")
	other.SetSource("/elsewhere")
	if err := b.Publish(b.ctx(), "q", other); err != nil {
		t.Fatal(err)
	}
	sub := b.subscribe()
	ds := b.take(sub, 3)
	b.ack(ds...)
	if diff := cmp.Diff([]string{"a", "a", "b"}, idsOf(ds)); diff != "" {
		t.Errorf("source and id together identify an event: -want +got\n%s", diff)
	}
	b.publish("a", "c")
	if id := b.one(sub).Event().ID(); id != "c" {
		t.Errorf("%s came; an acknowledged event is known until the window is over", id)
	}
}

func dedupRestart(t *testing.T, s Suite) {
	b := open(t, s)
	b.publish("a", "b")
	sub := b.subscribe()
	d := b.one(sub)
	b.ack(d)
	left := map[string]string{"a": "b", "b": "a"}[d.Event().ID()]
	b.restart()
	b.publish("a", "b", "c")
	if diff := cmp.Diff([]string{left, "c"}, idsOf(b.take(b.subscribe(), 2))); diff != "" {
		t.Errorf("a restart forgets no id: -want +got\n%s", diff)
	}
}

func release(t *testing.T, s Suite) {
	b := open(t, s)
	b.publish("a")
	sub := b.subscribe()
	for range 3 {
		d := b.one(sub)
		if d.Attempts() != 0 {
			t.Fatalf("attempts = %d after Release", d.Attempts())
		}
		if err := d.Release(b.ctx()); err != nil {
			t.Fatal(err)
		}
	}
	b.ack(b.one(sub))
	b.empty()
}

func retry(t *testing.T, s Suite) {
	b := open(t, s)
	b.publish("bad")
	sub := b.subscribe()
	if err := b.one(sub).Retry(b.ctx(), 200*time.Millisecond, 1); err != nil {
		t.Fatal(err)
	}
	b.publish("good")
	d := b.one(sub)
	if d.Event().ID() != "good" {
		t.Fatalf("%s came first: an event in its pause must not block others", d.Event().ID())
	}
	b.ack(d)
	for attempts := 1; attempts < 4; attempts++ {
		d := b.one(sub)
		if d.Event().ID() != "bad" || d.Attempts() != attempts {
			t.Fatalf("%s with %d attempts, want bad with %d", d.Event().ID(), d.Attempts(), attempts)
		}
		if err := d.Retry(b.ctx(), time.Millisecond, attempts+1); err != nil {
			t.Fatal(err)
		}
	}
	d = b.one(sub)
	if err := d.Release(b.ctx()); err != nil {
		t.Fatal(err)
	}
	if d = b.one(sub); d.Attempts() != 4 {
		t.Errorf("attempts = %d, want 4: Release spends none and forgets none", d.Attempts())
	}
	b.ack(d)
	b.empty()
}

func attemptsRestart(t *testing.T, s Suite) {
	b := open(t, s)
	b.publish("a", "b")
	sub := b.subscribe()
	for _, d := range b.take(sub, 2) {
		if err := d.Retry(b.ctx(), time.Millisecond, 2); err != nil {
			t.Fatal(err)
		}
	}
	b.restart()
	for _, d := range b.take(b.subscribe(), 2) {
		if d.Attempts() != 2 {
			t.Errorf("%s has %d attempts after a restart, want 2", d.Event().ID(), d.Attempts())
		}
		b.ack(d)
	}
	b.empty()
}

func attemptsShared(t *testing.T, s Suite) {
	b := open(t, s)
	b.publish("a")
	one, two := b.subscribe(), b.subscribe()
	if err := b.one(one).Retry(b.ctx(), 0, 1); err != nil {
		t.Fatal(err)
	}
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if d := b.one(two); d.Attempts() != 1 {
		t.Errorf("attempts = %d with another subscription, want 1", d.Attempts())
	}
}

func outOfOrder(t *testing.T, s Suite) {
	b := open(t, s, brief)
	b.publish(ids("e", 20)...)
	ds := b.take(b.subscribe(), 20)
	slices.Reverse(ds)
	b.ack(ds[:19]...)
	last := ds[19].Event().ID()
	b.restart()
	d := b.one(b.subscribe())
	if d.Event().ID() != last {
		t.Errorf("%s came, want %s: each acknowledgement is for one event", d.Event().ID(), last)
	}
	b.ack(d)
	b.empty()
}

func progress(t *testing.T, s Suite) {
	b := open(t, s, brief)
	b.publish("a")
	sub := b.subscribe()
	d := b.one(sub)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	var beats sync.WaitGroup
	beats.Go(func() {
		for tick := time.NewTicker(50 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			if err := d.Progress(context.Background()); err != nil {
				t.Error(err)
			}
		}
	})
	if ds, err := sub.Fetch(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("came again while in progress: %v, %v", ds, err)
	}
	beats.Wait()
	if again := b.one(sub); again.Event().ID() != "a" {
		t.Errorf("%s came", again.Event().ID())
	}
}

func competing(t *testing.T, s Suite) {
	b := open(t, s)
	const n = 500
	var mu sync.Mutex
	seen := make(map[string]int)
	ctx, cancel := context.WithCancel(b.ctx())
	defer cancel()
	var takers sync.WaitGroup
	for range 4 {
		sub := b.subscribe()
		takers.Go(func() {
			for {
				ds, err := sub.Fetch(ctx, 16)
				if err != nil {
					return
				}
				for _, d := range ds {
					if err := d.Ack(context.Background()); err != nil {
						t.Error(err)
					}
					mu.Lock()
					seen[d.Event().ID()]++
					if len(seen) == n {
						cancel()
					}
					mu.Unlock()
				}
			}
		})
	}
	var givers sync.WaitGroup
	for g := range 4 {
		givers.Go(func() {
			for _, id := range ids(string(rune('a'+g)), n/4) {
				if err := b.Publish(context.Background(), "q", newEvent(id)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	givers.Wait()
	takers.Wait()
	if len(seen) != n {
		t.Errorf("%d of %d events came", len(seen), n)
	}
	for id, times := range seen {
		if times != 1 {
			t.Errorf("%s came %d times", id, times)
		}
	}
}

func fetchEnds(t *testing.T, s Suite) {
	b := open(t, s)
	sub := b.subscribe()
	for i, id := range ids("e", 20) {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		var ds []delivery.Delivery
		go func() {
			defer close(done)
			ds, _ = sub.Fetch(ctx, 1+i%3)
		}()
		b.publish(id)
		cancel()
		<-done
		if len(ds) == 0 {
			ds = b.take(sub, 1)
		}
		if ds[0].Event().ID() != id {
			t.Fatalf("%s came, want %s", ds[0].Event().ID(), id)
		}
		b.ack(ds...)
	}
	b.empty()
}

func closeGivesBack(t *testing.T, s Suite) {
	b := open(t, s)
	one := b.subscribe()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	// What it asked for comes after nobody waits any more.
	_, _ = one.Fetch(ctx, 10)
	b.publish(ids("e", 10)...)
	if err := one.Close(); err != nil {
		t.Fatal(err)
	}
	if err := one.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	ds := b.take(b.subscribe(), 10)
	b.ack(ds...)
	b.empty()
}
