// Package claims has three functions of expense claims, one in each form that
// functions-framework-go knows. They import only that framework.
package claims

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"net/http"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
	"github.com/cloudevents/sdk-go/v2/event"
)

func init() {
	functions.HTTP("rates", rates)
	functions.Typed("convert", convert)
	functions.CloudEvent("audit", audit)
}

// perEuro is what one euro buys.
var perEuro = map[string]float64{"EUR": 1, "USD": 1.25, "GBP": 0.8, "JPY": 160}

// rates answers all rates.
func rates(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(perEuro) // the client has gone: nobody to tell
}

// Claim is an expense claim.
type Claim struct {
	ID       string  `json:"id"`
	Who      string  `json:"who"`
	What     string  `json:"what"`
	Amount   float64 `json:"amount"`
	Currency string  `json:"currency"`
	Euros    float64 `json:"euros"`
	Verdict  string  `json:"verdict,omitempty"`
	Reason   string  `json:"reason,omitempty"`
}

// convert says how many euros a claim is.
func convert(c Claim) (Claim, error) {
	rate, ok := perEuro[c.Currency]
	if !ok {
		c.Verdict, c.Reason = "refuse", "there is no rate for "+c.Currency
		return c, nil
	}
	c.Euros = math.Round(c.Amount/rate*100) / 100
	return c, nil
}

// audit writes a line for every letter that went out.
func audit(ctx context.Context, e event.Event) error {
	var letter struct{ ID, To string }
	if err := e.DataAs(&letter); err != nil {
		return fmt.Errorf("event %s: %w", e.ID(), err)
	}
	slog.InfoContext(ctx, "a letter went out", "claim", letter.ID, "to", letter.To, "event", e.ID())
	return nil
}
