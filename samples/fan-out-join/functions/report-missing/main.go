// Command report-missing handles the failures of the quotes: it tells joinTrip
// that a part will not come, and why.
package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/samples/fan-out-join/trip"
)

func main() {
	fn.CloudEvent("reportMissing", report)
	fn.Main()
}

// report receives what the failed call was given, as data, with the error and
// the name of the function in extensions.
func report(ctx context.Context, e event.Event) error {
	var t trip.Trip
	if err := e.DataAs(&t); err != nil {
		return fn.Permanent(fmt.Errorf("data is not a trip: %w", err))
	}
	from, _ := e.Extensions()["weftfrom"].(string)
	reason, _ := e.Extensions()["wefterror"].(string)
	if reason == "" {
		reason = "it failed"
	}
	kind := strings.ToLower(strings.TrimPrefix(from, "quote"))
	fn.Logger(ctx).Warn("a part is missing", "trip", t.ID, "part", kind, "reason", reason)
	return fn.Emit(ctx, "joinTrip", trip.Part{TripID: t.ID, Kind: kind, Missing: reason})
}
