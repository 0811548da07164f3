// Command hello is the smallest function there is, for cold starts.
package main

import (
	"io"
	"net/http"

	"github.com/weftmesh/weft/runtime/fn"
)

func main() {
	fn.HTTP("hello", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello\n") }))
	fn.Main()
}
