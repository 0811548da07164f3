// Command quote is three functions in one program: what flight, hotel and car
// cost. The mesh runs it three times; FUNCTION_TARGET says which one it is.
package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/samples/fan-out-join/trip"
)

func main() {
	fn.Typed("quoteFlight", flight)
	fn.Typed("quoteHotel", hotel)
	fn.Typed("quoteCar", car)
	fn.Main()
}

func flight(_ context.Context, t trip.Trip) (trip.Part, error) {
	return trip.Part{TripID: t.ID, Kind: trip.Flight, Euros: 60 + 20*len(t.To)}, nil
}

// hotel fails at the first attempt where the house is famous for it: the mesh
// tries again.
func hotel(ctx context.Context, t trip.Trip) (trip.Part, error) {
	if strings.EqualFold(t.To, "Brigadoon") && fn.Attempt(ctx) == 1 {
		return trip.Part{}, errors.New("the hotel does not answer")
	}
	return trip.Part{TripID: t.ID, Kind: trip.Hotel, Euros: 90 * t.Nights}, nil
}

// car fails for good where there are no roads: no attempt would help, and the
// links whose condition asks for errors take over.
func car(_ context.Context, t trip.Trip) (trip.Part, error) {
	if strings.EqualFold(t.To, "Venice") {
		return trip.Part{}, fn.Permanent(fmt.Errorf("no cars in %s", t.To))
	}
	return trip.Part{TripID: t.ID, Kind: trip.Car, Euros: 40 * t.Nights}, nil
}
