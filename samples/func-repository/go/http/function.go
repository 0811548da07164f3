// Package function greets over HTTP.
package function

import (
	"cmp"
	"encoding/json"
	"net/http"
	"os"
)

// Greeting is the answer.
type Greeting struct {
	Message string `json:"message"`
}

// Handle answers GET /?name=Ada with a greeting in JSON.
func Handle(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		http.Error(w, "ask with GET", http.StatusMethodNotAllowed)
		return
	}
	name := cmp.Or(r.URL.Query().Get("name"), "world")
	w.Header().Set("Content-Type", "application/json")
	// A caller that is gone has no use for an error.
	_ = json.NewEncoder(w).Encode(Greeting{cmp.Or(os.Getenv("GREETING"), "Hello") + ", " + name + "!"})
}
