package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/samples/fan-out-join/trip"
)

func TestPlan(t *testing.T) {
	h := fntest.New(t)
	for _, kind := range trip.Kinds {
		if _, err := trip.Join(h.Context(), trip.Part{TripID: "whole", Kind: kind, Euros: 7}, kind); err != nil {
			t.Fatal(err)
		}
	}
	fntest.HTTP(h, "planTrip", http.HandlerFunc(serve))
	tests := map[string]struct {
		reason       string
		method, path string
		body         any
		status       int
		says         string
	}{
		"good":         {"answered with the trip: that is the output", "POST", "/trips", trip.Trip{To: "Rome", Nights: 2}, 200, `"to":"Rome"`},
		"no place":     {"missing fields", "POST", "/trips", trip.Trip{Nights: 2}, 400, "missing required fields"},
		"not JSON":     {"the client learns what is wrong", "POST", "/trips", []byte("Rome!"), 400, "not a trip in JSON"},
		"offer":        {"all parts are there", "GET", "/trips?id=whole", nil, 200, `"euros":21`},
		"no id":        {"a store has no empty key", "GET", "/trips", nil, 400, "a trip's id"},
		"no offer yet": {"parts are missing", "GET", "/trips?id=other", nil, 404, "no offer yet"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			a := h.Request(tc.method, tc.path, tc.body)
			if a.StatusCode != tc.status || !strings.Contains(string(a.Body), tc.says) {
				t.Errorf("%s: %d %s", tc.reason, a.StatusCode, a.Body)
			}
			if tc.method == http.MethodPost && a.Header.Get("Content-Type") != "application/json" {
				t.Errorf("%s: content type %q", tc.reason, a.Header.Get("Content-Type"))
			}
		})
	}
}
