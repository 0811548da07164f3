// Package letter writes the letter that a claimant gets. It registers a
// handler, and Weft writes the program around it.
package letter

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftmesh/weft/runtime/fn"
)

func init() { fn.Typed("letter", Write) }

// Claim is a claim that has been paid, or refused for a reason.
type Claim struct {
	ID      string  `json:"id"`
	Who     string  `json:"who"`
	What    string  `json:"what"`
	Euros   float64 `json:"euros"`
	Payment int     `json:"payment"`
	Reason  string  `json:"reason"`
}

// Letter is what the claimant reads.
type Letter struct {
	ID   string `json:"id"`
	To   string `json:"to"`
	Text string `json:"text"`
}

// Write writes the letter.
func Write(_ context.Context, c Claim) (Letter, error) {
	l := Letter{ID: c.ID, To: c.Who}
	switch {
	case c.ID == "" || c.Who == "":
		return Letter{}, fn.Permanent(errors.New("a letter needs the claim's id and who it goes to"))
	case c.Payment > 0:
		l.Text = fmt.Sprintf("Dear %s, %.2f euros for %s are on their way (payment %d).", c.Who, c.Euros, c.What, c.Payment)
	default:
		l.Text = fmt.Sprintf("Dear %s, we do not pay for %s: %s.", c.Who, c.What, c.Reason)
	}
	return l, nil
}
