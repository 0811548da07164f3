package brokertest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh/delivery"
)

func newDead(id, function string) delivery.DeadLetter {
	e := newEvent("event-of-" + id)
	e.SetSubject("Größe")
	return delivery.DeadLetter{
		ID: id, Function: function, Event: e, Error: "answered 500: Größe \"x\"\nsecond line", Attempts: 3,
		TraceID: "0af7651916cd43dd8448eb211c80319c", Time: time.Date(2026, 5, 6, 7, 8, 9, 10, time.UTC),
	}
}

func (b *bench) bury(ds ...delivery.DeadLetter) {
	b.Helper()
	for _, d := range ds {
		if err := b.DeadLetters().Add(b.ctx(), d); err != nil {
			b.Fatalf("add %s: %v", d.ID, err)
		}
	}
}

func (b *bench) listed(function string, most int) []string {
	b.Helper()
	ds, err := b.DeadLetters().List(b.ctx(), function, most)
	if err != nil {
		b.Fatal(err)
	}
	got := []string{}
	for _, d := range ds {
		got = append(got, d.ID)
	}
	return got
}

func deadLetters(t *testing.T, s Suite) {
	b := open(t, s)
	one, two, three := newDead("one", "validateInventory"), newDead("two", "notifyUser"), newDead("three", "validateInventory")
	b.bury(one, two, three)
	got, err := b.DeadLetters().Get(b.ctx(), "one")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(one, got); diff != "" {
		t.Errorf("Get: -want +got\n%s", diff)
	}
	count := func(want map[string]int) {
		t.Helper()
		got, err := b.DeadLetters().Count(b.ctx())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Count: -want +got\n%s", diff)
		}
	}
	count(map[string]int{"validateInventory": 2, "notifyUser": 1})

	edited := got
	edited.Event = newEvent("event-of-one")
	edited.Event.DataEncoded = []byte(`{"edited":true}`)
	if err := b.DeadLetters().Replace(b.ctx(), edited); err != nil {
		t.Fatal(err)
	}
	if got, err = b.DeadLetters().Get(b.ctx(), "one"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(edited, got); diff != "" {
		t.Errorf("after Replace: -want +got\n%s", diff)
	}
	count(map[string]int{"validateInventory": 2, "notifyUser": 1})
	if diff := cmp.Diff([]string{"two"}, b.listed("notifyUser", 10)); diff != "" {
		t.Errorf("List of one function: -want +got\n%s", diff)
	}

	if err := b.DeadLetters().Remove(b.ctx(), "one"); err != nil {
		t.Fatal(err)
	}
	count(map[string]int{"validateInventory": 1, "notifyUser": 1})
	for _, id := range []string{"one", "never", "", "a.b", "*", ">"} {
		if _, err := b.DeadLetters().Get(b.ctx(), id); !errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("Get(%q): %v, want ErrNotFound", id, err)
		}
		if err := b.DeadLetters().Remove(b.ctx(), id); !errors.Is(err, delivery.ErrNotFound) {
			t.Errorf("Remove(%q): %v, want ErrNotFound", id, err)
		}
	}
	if err := b.DeadLetters().Replace(b.ctx(), one); !errors.Is(err, delivery.ErrNotFound) {
		t.Errorf("Replace of one that is gone: %v, want ErrNotFound", err)
	}
}

func deadLettersOrder(t *testing.T, s Suite) {
	b := open(t, s)
	all := ids("d", 30)
	for i, id := range all {
		d := newDead(id, "f")
		d.Time = d.Time.Add(time.Duration(i) * time.Second)
		b.bury(d)
	}
	if diff := cmp.Diff(all, b.listed("", 0)); diff != "" {
		t.Errorf("oldest first: -want +got\n%s", diff)
	}
	if diff := cmp.Diff(all[:5], b.listed("f", 5)); diff != "" {
		t.Errorf("at most five: -want +got\n%s", diff)
	}
}

func deadLettersRestart(t *testing.T, s Suite) {
	b := open(t, s)
	b.bury(newDead("one", "f"), newDead("two", "f"))
	if err := b.DeadLetters().Remove(b.ctx(), "two"); err != nil {
		t.Fatal(err)
	}
	b.restart()
	if diff := cmp.Diff([]string{"one"}, b.listed("", 0)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

func deadLettersAddAgain(t *testing.T, s Suite) {
	b := open(t, s)
	first := newDead("one", "f")
	b.bury(first)
	second := newDead("one", "f")
	second.Error = "another"
	b.bury(second)
	b.restart()
	b.bury(second)
	got, err := b.DeadLetters().Get(b.ctx(), "one")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, got); diff != "" {
		t.Errorf("the first of an id stays: -want +got\n%s", diff)
	}
	long := newDead("long", "f")
	long.Error = strings.Repeat("x", 1<<20)
	b.bury(long)
}

func shared(t *testing.T, s Suite) {
	b := open(t, s)
	sh := b.Broker.Shared()
	if sh == nil {
		t.Skip("the broker shares nothing")
	}
	get := func(key string) (string, uint64) {
		t.Helper()
		v, rev, err := sh.Get(b.ctx(), key)
		if err != nil {
			t.Fatal(err)
		}
		return string(v), rev
	}
	put := func(key, value string, rev uint64, want bool) {
		t.Helper()
		ok, err := sh.Put(b.ctx(), key, []byte(value), rev)
		if err != nil || ok != want {
			t.Fatalf("Put(%s, %s, %d) = %v, %v; want %v", key, value, rev, ok, err, want)
		}
	}
	if v, rev := get("breaker.a"); v != "" || rev != 0 {
		t.Errorf("absent key = %q, revision %d", v, rev)
	}
	put("breaker.a", "1", 0, true)
	put("breaker.a", "2", 0, false)
	v, rev := get("breaker.a")
	if v != "1" || rev == 0 {
		t.Errorf("value = %q, revision %d", v, rev)
	}
	put("breaker.b", "other", 0, true)
	put("breaker.a", "3", rev, true)
	put("breaker.a", "4", rev, false)
	b.restart()
	sh = b.Broker.Shared()
	if v, _ := get("breaker.a"); v != "3" {
		t.Errorf("value after a restart = %q", v)
	}
}

func sharedWatch(t *testing.T, s Suite) {
	b := open(t, s)
	sh := b.Broker.Shared()
	if sh == nil {
		t.Skip("the broker shares nothing")
	}
	if _, err := sh.Put(b.ctx(), "before", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.ctx())
	defer cancel()
	type change struct{ key, value string }
	changes := make(chan change, 100)
	done := make(chan error, 1)
	go func() {
		done <- sh.Watch(ctx, func(key string, value []byte) { changes <- change{key, string(value)} })
	}()
	next := func(want change) {
		t.Helper()
		for {
			select {
			case got := <-changes:
				if got == want {
					return
				}
				if got.key == want.key {
					t.Fatalf("saw %+v, want %+v", got, want)
				}
			case <-ctx.Done():
				t.Fatalf("never saw %+v", want)
			}
		}
	}
	next(change{"before", "1"})
	if _, err := sh.Put(b.ctx(), "breaker.a", []byte("open"), 0); err != nil {
		t.Fatal(err)
	}
	next(change{"breaker.a", "open"})
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Watch ended with %v", err)
	}
}
