// Command pay pays claims, each once. It is a program that ends in fn.Main.
package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/runtime/state"
)

// Claim is an expense claim, as far as paying goes.
type Claim struct {
	ID      string  `json:"id"`
	Who     string  `json:"who"`
	What    string  `json:"what"`
	Euros   float64 `json:"euros"`
	Payment int     `json:"payment,omitempty"`
}

// paid is the cash book: the payments, by claim. The store is the one that a
// mesh has which declares none.
var paid = state.Of[book]("statestore")

type book struct {
	Numbers map[string]int `json:"numbers"`
}

func main() {
	fn.Typed("pay", pay)
	fn.Main()
}

// pay gives a claim the number of its payment: the same one if the event comes
// twice.
func pay(ctx context.Context, c Claim) (Claim, error) {
	if c.ID == "" || c.Euros <= 0 {
		return Claim{}, fn.Permanent(errors.New("a payment needs the claim's id and euros"))
	}
	err := paid.Update(ctx, "cash book", func(b *book) error {
		if b.Numbers == nil {
			b.Numbers = make(map[string]int)
		}
		if b.Numbers[c.ID] == 0 {
			b.Numbers[c.ID] = len(b.Numbers) + 1
		}
		c.Payment = b.Numbers[c.ID]
		return nil
	})
	if err != nil {
		return Claim{}, fmt.Errorf("claim %s: %w", c.ID, err)
	}
	return c, nil
}
