// Command join-trip joins the parts of a trip to an offer, once all are there.
package main

import (
	"context"
	"fmt"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/samples/fan-out-join/trip"
)

func main() {
	fn.Typed("joinTrip", join)
	fn.Main()
}

// join returns nil, which is no output, until the last part comes.
func join(ctx context.Context, p trip.Part) (*trip.Offer, error) {
	if err := p.Check(); err != nil {
		return nil, fn.Permanent(err)
	}
	id := "" // called by hand, without an event
	if e, ok := fn.Event(ctx); ok {
		id = e.ID()
	}
	offer, err := trip.Join(ctx, p, id)
	if err != nil {
		return nil, fmt.Errorf("part %s: %w", p.Kind, err)
	}
	if offer != nil {
		fn.Logger(ctx).Info("offer made", "trip", offer.TripID, "euros", offer.Euros, "complete", offer.Complete)
	}
	return offer, nil
}
