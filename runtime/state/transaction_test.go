package state_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/runtime/state"
)

func TestTransaction(t *testing.T) {
	each(t, func(t *testing.T, h *fntest.Harness, ctx context.Context) {
		h.SetState("order-state", "lamp", Stock{Available: 1})
		h.SetState("order-state", "old", Stock{})
		err := state.Transaction(ctx, "order-state", []string{"old", "lamp", "order", "lamp", "none"}, func(tx *state.Tx) error {
			s, found, err := stock.In(tx).Get("lamp")
			if !found || err != nil || s.Available != 1 {
				t.Errorf("lamp: %v, %v, %v", s, found, err)
			}
			if _, found, err := decisions.In(tx).Get("order"); found || err != nil {
				t.Errorf("order: %v, %v", found, err)
			}
			s.Available--
			if err := errors.Join(
				stock.In(tx).Set("lamp", s), decisions.In(tx).Set("order", Decision{true}, state.TTL(time.Hour)),
				stock.In(tx).Delete("old"), stock.In(tx).Delete("none"),
			); err != nil {
				return err
			}
			// It sees what it has set itself.
			if s, found, err := stock.In(tx).Get("lamp"); s.Available != 0 || !found || err != nil {
				t.Errorf("lamp, once set: %v, %v, %v", s, found, err)
			}
			if _, found, err := stock.In(tx).Get("old"); found || err != nil {
				t.Errorf("old, once deleted: %v, %v", found, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"lamp", "order"}, h.StateKeys("order-state")); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		h.Advance(2 * time.Hour)
		if diff := cmp.Diff([]string{"lamp"}, h.StateKeys("order-state")); diff != "" {
			t.Errorf("the time to live: -want +got:\n%s", diff)
		}
	})
}

func TestTransactionWritesNothing(t *testing.T) {
	own := errors.New("own")
	cases := map[string]struct {
		reason string
		f      func(tx *state.Tx) error
		text   string
	}{
		"error":      {"the author ends it", func(tx *state.Tx) error { _ = stock.In(tx).Set("a", Stock{}); return own }, "own"},
		"no key":     {"a key must have been read", func(tx *state.Tx) error { return stock.In(tx).Set("z", Stock{}) }, "name it in its list of keys"},
		"no read":    {"a key must have been read", func(tx *state.Tx) error { return second2(stock.In(tx).Get("z")) }, "name it in its list of keys"},
		"no delete":  {"a key must have been read", func(tx *state.Tx) error { return stock.In(tx).Delete("z") }, "name it in its list of keys"},
		"store":      {"a transaction is of one store", func(tx *state.Tx) error { return counters.In(tx).Set("a", 1) }, "all keys of a transaction are in one store"},
		"no JSON":    {"a value must be storable", func(tx *state.Tx) error { return state.Of[func()]("order-state").In(tx).Set("a", func() {}) }, "not JSON-able"},
		"wrong type": {"a value must be readable", func(tx *state.Tx) error { return second2(state.Of[int]("order-state").In(tx).Get("b")) }, "what is stored is no int"},
		"no time":    {"0 would mean for ever", func(tx *state.Tx) error { return stock.In(tx).Set("a", Stock{}, state.TTL(0)) }, "TTL must be positive"},
		"nothing":    {"what sets nothing writes nothing", func(*state.Tx) error { return nil }, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, h *fntest.Harness, ctx context.Context) {
				h.SetState("order-state", "b", Stock{})
				err := state.Transaction(ctx, "order-state", []string{"a", "b"}, tc.f)
				if tc.text == "" && err != nil || tc.text != "" && !strings.Contains(fmt.Sprint(err), tc.text) {
					t.Errorf("%s: %v", tc.reason, err)
				}
				if diff := cmp.Diff([]string{"b"}, h.StateKeys("order-state")); diff != "" {
					t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
				}
			})
		})
	}
}

func second2[T any](_ T, _ bool, err error) error { return err }

func TestTransactionWithoutKeys(t *testing.T) {
	h := fntest.New(t)
	called := false
	err := state.Transaction(h.Context(), "order-state", nil, func(*state.Tx) error { called = true; return nil })
	if err != nil || !called {
		t.Errorf("Transaction = %v, called: %v", err, called)
	}
	err = state.Transaction(h.Context(), "order-state", []string{"a", ""}, func(*state.Tx) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "the key is empty") {
		t.Errorf("Transaction = %v", err)
	}
}

// A conflict on one key keeps the others from being written.
func TestTransactionBeginsAgain(t *testing.T) {
	each(t, func(t *testing.T, h *fntest.Harness, ctx context.Context) {
		tries := 0
		err := state.Transaction(ctx, "counters", []string{"a", "b", "c"}, func(tx *state.Tx) error {
			if tries++; tries > 1 {
				if n := len(h.StateKeys("counters")); n != tries-1 {
					t.Errorf("after try %d there are %d keys", tries-1, n)
				}
			}
			if tries <= 2 {
				h.SetState("counters", []string{"a", "c"}[tries-1], 100) // someone else
			}
			var err error
			for _, k := range []string{"a", "b", "c"} {
				n, _, readErr := counters.In(tx).Get(k)
				err = errors.Join(err, readErr, counters.In(tx).Set(k, n+1))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for k, want := range map[string]int{"a": 101, "b": 1, "c": 101} {
			if got := fntest.StateAs[int](h, "counters", k); got != want {
				t.Errorf("%s = %d, want %d", k, got, want)
			}
		}
	})
}

// TestOrders: several processes decide orders over the same stock, each order
// twice. Nothing is oversold, and what is reserved is what was accepted.
func TestOrders(t *testing.T) {
	const processes, orders, available = 3, 40, 25
	skus := []string{"lamp", "sofa", "rug"}
	h := fntest.New(t)
	for _, sku := range skus {
		h.SetState("order-state", sku, Stock{Available: available})
	}
	process := overGRPC(t, h)
	var wg sync.WaitGroup
	for range processes {
		ctx := process()
		for i := range orders {
			wg.Go(func() { // each process is given each order
				want := map[string]int{skus[i%3]: 1, skus[(i+1)%3]: 1}
				for {
					_, err := decide(ctx, fmt.Sprintf("order-%d", i), want)
					if err == nil {
						return
					}
					if !errors.Is(err, state.ErrConflict) {
						t.Error(err)
						return
					}
				}
			})
		}
	}
	wg.Wait()
	accepted := map[string]int{}
	for i := range orders {
		if fntest.StateAs[Decision](h, "order-state", fmt.Sprintf("order-%d", i)).Accepted {
			accepted[skus[i%3]]++
			accepted[skus[(i+1)%3]]++
		}
	}
	for _, sku := range skus {
		s := fntest.StateAs[Stock](h, "order-state", sku)
		if s.Available < 0 || s.Available+len(s.Reserved) != available || len(s.Reserved) != accepted[sku] {
			t.Errorf("%s: %d left, %d reserved, %d accepted of %d", sku, s.Available, len(s.Reserved), accepted[sku], available)
		}
	}
}
