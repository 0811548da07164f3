package main

import (
	"testing"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/samples/fan-out-join/trip"
)

func TestJoin(t *testing.T) {
	h := fntest.New(t)
	fntest.Typed(h, "joinTrip", join)
	deliver := func(id, kind string) fntest.Outcome {
		e := fntest.Event(trip.Part{TripID: "t", Kind: kind, Euros: 10})
		e.SetID(id)
		return h.Deliver(e)
	}
	for _, kind := range []string{trip.Car, trip.Flight} {
		if out := deliver(kind, kind); out.Kind != fntest.KindNone {
			t.Errorf("%s: %+v, want no output before the last part", kind, out)
		}
	}
	for range 2 { // the second as after a lost answer
		if o := fntest.OutputAs[trip.Offer](t, deliver(trip.Hotel, trip.Hotel)); o.Euros != 30 || !o.Complete {
			t.Errorf("offer = %+v", o)
		}
	}
	if out := deliver("x", "yacht"); out.Kind != fntest.KindFinal {
		t.Errorf("an unknown part: %+v", out)
	}
}
