// Command categorise says what kind of expense a claim is. The mesh starts it
// by a command and knows only that it serves HTTP on $PORT: it could be written
// in any language.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
	"strings"
)

// words tell the category.
var words = []struct{ word, category string }{
	{"train", "travel"}, {"flight", "travel"}, {"hotel", "travel"},
	{"lunch", "meals"}, {"dinner", "meals"},
}

func main() {
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), http.HandlerFunc(categorise)))
}

// categorise is called with an event: its data is the body, its attributes are
// headers (Ce-Id, Ce-Type). The answer is the claim with its category.
func categorise(w http.ResponseWriter, r *http.Request) {
	var claim map[string]any
	if err := json.NewDecoder(r.Body).Decode(&claim); err != nil || claim == nil {
		http.Error(w, "the body is not a claim in JSON", http.StatusBadRequest)
		return
	}
	what, _ := claim["what"].(string)
	claim["category"] = "other"
	for _, w := range words {
		if strings.Contains(strings.ToLower(what), w.word) {
			claim["category"] = w.category
			break
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(claim) // the client has gone: nobody to tell
}
