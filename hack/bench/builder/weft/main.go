// Command weft serves make bench's handlers with Weft's host, as a program of
// runtime/fn: http or event, as FUNCTION_TARGET says.
package main

import (
	"net/http"

	"github.com/weftmesh/weft/hack/bench/builder/handler"
	"github.com/weftmesh/weft/runtime/fn"
)

func main() {
	fn.HTTP("http", http.HandlerFunc(handler.HTTP))
	fn.CloudEvent("event", handler.Event)
	fn.Main()
}
