// Command keep keeps ids in the article's store, and answers how many there are.
package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/runtime/state"
)

func main() {
	fn.HTTP("keep", http.HandlerFunc(keep))
	fn.Main()
}

const key = "kept"

var kept = state.Of[map[string]bool]("order-state")

func keep(w http.ResponseWriter, r *http.Request) {
	var err error
	switch r.Method {
	case http.MethodGet:
		var all map[string]bool
		if all, _, err = kept.Get(r.Context(), key); err == nil {
			fmt.Fprintln(w, len(all))
		}
	default:
		var id string
		if err = json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&id); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		err = kept.Update(r.Context(), key, func(all *map[string]bool) error {
			if *all == nil {
				*all = make(map[string]bool)
			}
			(*all)[id] = true
			return nil
		})
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
}
