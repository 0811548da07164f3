package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/samples/fan-out-join/trip"
)

func TestPlan(t *testing.T) {
	store, err := trip.Open("file:" + filepath.Join(t.TempDir(), "l"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	for _, kind := range trip.Kinds {
		if _, err := store.Join(trip.Part{TripID: "whole", Kind: kind, Euros: 7}, kind); err != nil {
			t.Fatal(err)
		}
	}
	h := fntest.New(t)
	fntest.HTTP(h, "planTrip", planner{store})
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
