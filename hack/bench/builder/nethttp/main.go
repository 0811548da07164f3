// Command nethttp serves make bench's HTTP handler with net/http and nothing
// else.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/weftmesh/weft/hack/bench/builder/handler"
)

func main() {
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), http.HandlerFunc(handler.HTTP)))
}
