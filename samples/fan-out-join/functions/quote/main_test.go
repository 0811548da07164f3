package main

import (
	"testing"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/samples/fan-out-join/trip"
)

func TestQuotes(t *testing.T) {
	h := fntest.New(t)
	fntest.Typed(h, "quoteFlight", flight)
	fntest.Typed(h, "quoteHotel", hotel)
	fntest.Typed(h, "quoteCar", car)
	tests := map[string]struct {
		reason   string
		function string
		to       string
		attempt  int
		kind     fntest.Kind
		euros    int
	}{
		"flight":       {"any place", "quoteFlight", "Rome", 1, fntest.KindOutput, 140},
		"hotel":        {"by the night", "quoteHotel", "Rome", 1, fntest.KindOutput, 180},
		"hotel, first": {"the house does not answer", "quoteHotel", "Brigadoon", 1, fntest.KindRetry, 0},
		"hotel, again": {"then it does", "quoteHotel", "Brigadoon", 2, fntest.KindOutput, 180},
		"car":          {"by the night", "quoteCar", "Rome", 1, fntest.KindOutput, 80},
		"car, never":   {"no roads there", "quoteCar", "Venice", 1, fntest.KindFinal, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			e := fntest.Attempt(fntest.Event(trip.Trip{ID: "t", To: tc.to, Nights: 2}), tc.attempt)
			out := h.DeliverTo(tc.function, e)
			if out.Kind != tc.kind {
				t.Fatalf("%s: %+v", tc.reason, out)
			}
			if tc.kind == fntest.KindOutput {
				if p := fntest.OutputAs[trip.Part](t, out); p.Euros != tc.euros || p.TripID != "t" {
					t.Errorf("%s: %+v", tc.reason, p)
				}
			}
		})
	}
}
