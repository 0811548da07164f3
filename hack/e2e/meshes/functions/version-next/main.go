// Command version-next answers two.
package main

import (
	"io"
	"net/http"

	"github.com/weftmesh/weft/runtime/fn"
)

func main() {
	fn.HTTP("version", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "two") // the reader has gone: nobody to tell
	}))
	fn.Main()
}
