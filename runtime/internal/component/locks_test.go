package component_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/weftmesh/weft/runtime/internal/component"
)

func TestLocksExclude(t *testing.T) {
	var locks component.Locks
	var wg sync.WaitGroup
	counts := map[string]*int{"a": new(int), "b": new(int), "c": new(int)}
	// In whatever order the keys are named, no two await each other.
	orders := [][]string{{"a", "b"}, {"b", "a"}, {"c", "a", "b"}, {"b", "c", "b"}, {"a"}}
	const rounds = 200
	for i := range rounds {
		wg.Go(func() {
			keys := orders[i%len(orders)]
			unlock, err := locks.Lock(t.Context(), keys...)
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			for _, k := range keys {
				*counts[k]++ // the race detector sees whether it is ours
			}
		})
	}
	wg.Wait()
	if got := *counts["a"]; got != rounds/5*4 {
		t.Errorf("%d of a, want %d", got, rounds/5*4)
	}
}

func TestLocksEndWithTheContext(t *testing.T) {
	var locks component.Locks
	unlock, err := locks.Lock(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := locks.Lock(ctx, "a", "b"); !errors.Is(err, context.Canceled) {
		t.Fatalf("Lock = %v, want a cancelled context", err)
	}
	// What it had taken before is free again.
	free, err := locks.Lock(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	free()
	unlock()
	again, err := locks.Lock(t.Context(), "a", "b")
	if err != nil {
		t.Fatal(err)
	}
	again()
}
