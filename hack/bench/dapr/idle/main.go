// Command idle is a function that has nothing to do, under whichever name a
// mesh gives it.
package main

import (
	"net/http"
	"os"

	"github.com/weftmesh/weft/runtime/fn"
)

func main() {
	fn.HTTP(os.Getenv("FUNCTION_TARGET"), http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	fn.Main()
}
