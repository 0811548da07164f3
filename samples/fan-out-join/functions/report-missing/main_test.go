package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/samples/fan-out-join/trip"
)

func TestReport(t *testing.T) {
	h := fntest.New(t)
	fntest.CloudEvent(h, "reportMissing", report)
	e := fntest.Event(trip.Trip{ID: "t", To: "Venice", Nights: 2})
	e.SetExtension("weftfrom", "quoteCar")
	e.SetExtension("wefterror", "no cars in Venice")
	if out := h.Deliver(e); out.Kind != fntest.KindOutput {
		t.Fatalf("%+v", out)
	}
	want := []trip.Part{{TripID: "t", Kind: trip.Car, Missing: "no cars in Venice"}}
	if diff := cmp.Diff(want, fntest.EmittedAs[trip.Part](h, "joinTrip")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if out := h.Deliver(fntest.Event("no trip")); out.Kind != fntest.KindFinal {
		t.Errorf("data that is no trip: %+v, want final", out)
	}
}
