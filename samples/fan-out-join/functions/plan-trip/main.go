// Command plan-trip takes requests for trips and, later, answers what the mesh
// has made of them.
package main

import (
	"crypto/rand"
	"encoding/json"
	"net/http"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/samples/fan-out-join/trip"
)

func main() {
	fn.HTTP("planTrip", http.HandlerFunc(serve))
	fn.Main()
}

func serve(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		plan(w, r)
		return
	}
	offer(w, r)
}

// plan answers with the trip. Nothing is emitted, so the answer to a POST is
// the output: it goes to all three quotes.
func plan(w http.ResponseWriter, r *http.Request) {
	var t trip.Trip
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&t); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "the body is not a trip in JSON: " + err.Error()})
		return
	}
	if t.To == "" || t.Nights < 1 {
		answer(w, http.StatusBadRequest, map[string]string{"error": "missing required fields: to, and at least 1 of nights"})
		return
	}
	if t.ID = r.Header.Get("Idempotency-Key"); t.ID == "" {
		t.ID = rand.Text()
	}
	if err := trip.CheckID(t.ID); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "Idempotency-Key: " + err.Error()})
		return
	}
	answer(w, http.StatusOK, t)
}

// offer answers a GET, which has no output.
func offer(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Query().Get("id")
	if err := trip.CheckID(id); err != nil {
		answer(w, http.StatusBadRequest, map[string]string{"error": "id: " + err.Error()})
		return
	}
	o, found, err := trip.FindOffer(r.Context(), id)
	switch {
	case err != nil:
		fn.Logger(r.Context()).Error("offer not read", "trip", id, "error", err)
		answer(w, http.StatusInternalServerError, map[string]string{"error": "internal server error"})
	case !found:
		answer(w, http.StatusNotFound, map[string]string{"error": "no offer yet for trip " + id})
	default:
		answer(w, http.StatusOK, o)
	}
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client has gone: nobody to tell
}
