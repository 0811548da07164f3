// Command nethttp serves make bench's requests with net/http and nothing else:
// its HTTP handler, or, where FUNCTION_TARGET is event, one that reads an event's
// bytes and makes nothing of them. What serves by net/http cannot be faster.
package main

import (
	"io"
	"log"
	"net/http"
	"os"

	"github.com/weftmesh/weft/hack/bench/builder/handler"
)

func main() {
	serve := handler.HTTP
	if os.Getenv("FUNCTION_TARGET") == "event" {
		serve = swallow
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), http.HandlerFunc(serve)))
}

func swallow(w http.ResponseWriter, r *http.Request) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
