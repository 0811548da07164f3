package state_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/runtime/state"
)

type Stock struct {
	Available int            `json:"available"`
	Reserved  map[string]int `json:"reserved,omitempty"` // by order
}

var errOut = errors.New("out of stock")

// Reserve takes n for an order, once.
func (s *Stock) Reserve(order string, n int) error {
	switch {
	case s.Reserved[order] > 0:
		return nil
	case s.Available < n:
		return errOut
	case s.Reserved == nil:
		s.Reserved = map[string]int{}
	}
	s.Available -= n
	s.Reserved[order] = n
	return nil
}

var stock = state.Of[Stock]("order-state")

func ExampleStore() {
	h := harness() // a test has fntest.New(t), and a handler its context from the engine
	ctx := h.Context()

	if err := stock.Set(ctx, "lamp", Stock{Available: 3}); err != nil {
		fmt.Println(err)
	}
	s, found, err := stock.Get(ctx, "lamp")
	fmt.Println(s.Available, found, err)
	_, found, err = stock.Get(ctx, "sofa")
	fmt.Println(found, err)
	// Output:
	// 3 true <nil>
	// false <nil>
}

func ExampleStore_Update() {
	h := harness()
	ctx := h.Context()
	h.SetState("order-state", "lamp", Stock{Available: 3})

	reserve := func(order string, n int) error {
		return stock.Update(ctx, "lamp", func(s *Stock) error { return s.Reserve(order, n) })
	}
	fmt.Println(reserve("order-1", 2))
	fmt.Println(reserve("order-1", 2)) // the event came again
	fmt.Println(reserve("order-2", 2))
	fmt.Println(fntest.StateAs[Stock](h, "order-state", "lamp").Available)
	// Output:
	// <nil>
	// <nil>
	// out of stock
	// 1
}

func ExampleStore_GetItem() {
	h := harness()
	ctx := h.Context()
	h.SetState("order-state", "lamp", Stock{Available: 3})

	item, err := stock.GetItem(ctx, "lamp")
	fmt.Println(item.Value.Available, item.Found, err)
	h.SetState("order-state", "lamp", Stock{Available: 2}) // someone else
	err = stock.Set(ctx, "lamp", Stock{Available: 1}, state.IfMatch(item.ETag))
	fmt.Println(errors.Is(err, state.ErrConflict))
	// Output:
	// 3 true <nil>
	// true
}

type Decision struct {
	Accepted bool `json:"accepted"`
}

var decisions = state.Of[Decision]("order-state")

// decide reserves all that an order asks for, or nothing, and remembers what
// it decided.
func decide(ctx context.Context, order string, want map[string]int) (Decision, error) {
	keys := []string{order}
	for sku := range want {
		keys = append(keys, sku)
	}
	var d Decision
	err := state.Transaction(ctx, "order-state", keys, func(tx *state.Tx) error {
		var known bool
		var err error
		if d, known, err = decisions.In(tx).Get(order); known || err != nil {
			return err
		}
		d.Accepted = true
		changed := map[string]Stock{}
		for sku, n := range want {
			s, _, err := stock.In(tx).Get(sku)
			if err != nil {
				return err
			}
			if s.Reserve(order, n) != nil {
				d.Accepted = false
			}
			changed[sku] = s
		}
		if d.Accepted {
			for sku, s := range changed {
				if err := stock.In(tx).Set(sku, s); err != nil {
					return err
				}
			}
		}
		return decisions.In(tx).Set(order, d)
	})
	return d, err
}

func ExampleTransaction() {
	h := harness()
	h.SetState("order-state", "lamp", Stock{Available: 3})
	h.SetState("order-state", "sofa", Stock{Available: 1})

	fmt.Println(decide(h.Context(), "order-1", map[string]int{"lamp": 2, "sofa": 1}))
	fmt.Println(decide(h.Context(), "order-1", map[string]int{"lamp": 2, "sofa": 1})) // again
	fmt.Println(decide(h.Context(), "order-2", map[string]int{"lamp": 1, "sofa": 1}))
	fmt.Println(fntest.StateAs[Stock](h, "order-state", "lamp").Available)
	// Output:
	// {true} <nil>
	// {true} <nil>
	// {false} <nil>
	// 1
}
