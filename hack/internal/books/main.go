// Command books is a function that proofs add to the order mesh: it answers what
// the mesh has in its state store, which it reaches as any function does.
package main

import (
	"encoding/json"
	"net/http"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/runtime/state"
	"github.com/weftmesh/weft/samples/order-processing/shop"
)

func main() {
	fn.HTTP("books", http.HandlerFunc(read))
	fn.Main()
}

const maxBody = 1 << 20

// read answers the values of a list of keys, without those that do not exist.
func read(w http.ResponseWriter, r *http.Request) {
	var keys []string
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&keys); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	values, err := state.Of[json.RawMessage](shop.StateStore).GetMany(r.Context(), keys...)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(values) // the reader has gone: nobody to tell
}
