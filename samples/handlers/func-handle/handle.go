// Package function is a function of Knative func: an event in, an event out.
package function

import (
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"
)

// limits are how many euros are paid for what.
var limits = map[string]float64{"travel": 500, "meals": 60, "other": 100}

// Handle checks a claim and adds the verdict.
func Handle(e event.Event) (*event.Event, error) {
	var claim map[string]any
	if err := e.DataAs(&claim); err != nil {
		return nil, fmt.Errorf("event %s is not a claim: %w", e.ID(), err)
	}
	if claim == nil {
		return nil, fmt.Errorf("event %s has no claim", e.ID())
	}
	if claim["verdict"] == nil {
		category, _ := claim["category"].(string)
		euros, _ := claim["euros"].(float64)
		limit, known := limits[category]
		switch {
		case !known:
			claim["verdict"], claim["reason"] = "refuse", fmt.Sprintf("%q is no category", category)
		case euros > limit:
			claim["verdict"], claim["reason"] = "refuse", fmt.Sprintf("%.2f euros are more than %.2f for %s", euros, limit, category)
		default:
			claim["verdict"] = "pay"
		}
	}
	out := event.New()
	out.SetID(e.ID())
	out.SetSource("/check")
	out.SetType("claim.checked")
	return &out, out.SetData(event.ApplicationJSON, claim)
}
