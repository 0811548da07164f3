package trip

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/runtime/fntest"
)

func TestJoin(t *testing.T) {
	flight, hotel, car := Part{"t", Flight, 200, ""}, Part{"t", Hotel, 90, ""}, Part{"t", Car, 0, "no cars there"}
	whole := Offer{TripID: "t", Euros: 290, Parts: []Part{flight, hotel, car}}
	type event struct {
		part Part
		id   string
	}
	tests := map[string]struct {
		reason string
		events []event
		offers []int // the events that get the offer
		by     string
	}{
		"in order":  {"the last part makes it whole", []event{{flight, "1"}, {hotel, "2"}, {car, "3"}}, []int{2}, "3"},
		"any order": {"no order is promised", []event{{car, "3"}, {hotel, "2"}, {flight, "1"}}, []int{2}, "1"},
		"twice": {"a part that comes twice is one part",
			[]event{{flight, "1"}, {flight, "1"}, {hotel, "2"}, {car, "3"}}, []int{3}, "3"},
		"last again": {"an answer may have been lost: the same event gets the same offer",
			[]event{{flight, "1"}, {hotel, "2"}, {car, "3"}, {car, "3"}}, []int{2, 3}, "3"},
		"first again": {"other events must not make a second offer",
			[]event{{flight, "1"}, {hotel, "2"}, {car, "3"}, {flight, "1"}}, []int{2}, "3"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			h := fntest.New(t)
			var got []int
			want := whole
			want.By = tc.by
			for i, e := range tc.events {
				o, err := Join(h.Context(), e.part, e.id)
				if err != nil {
					t.Fatal(err)
				}
				if o != nil {
					got = append(got, i)
					if diff := cmp.Diff(want, *o); diff != "" {
						t.Errorf("%s: offer (-want +got):\n%s", tc.reason, diff)
					}
				}
			}
			if o, found, err := FindOffer(h.Context(), "t"); err != nil || !found {
				t.Errorf("%s: what is kept: %+v, %v, %v", tc.reason, o, found, err)
			}
			if diff := cmp.Diff(tc.offers, got); diff != "" {
				t.Errorf("%s: events that get the offer (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestJoinRefuses(t *testing.T) {
	h := fntest.New(t)
	for _, p := range []Part{{Kind: Car}, {TripID: "t", Kind: "yacht"}, {TripID: "a||b", Kind: Car}} {
		if _, err := Join(h.Context(), p, "1"); err == nil {
			t.Errorf("%+v was joined", p)
		}
	}
	if _, found, err := FindOffer(h.Context(), "t"); found || err != nil {
		t.Errorf("an offer without parts: %v, %v", found, err)
	}
}
