// Package function is make bench's HTTP handler in the form of Knative func;
// the builder hosts it.
package function

import (
	"net/http"

	"github.com/weftmesh/weft/hack/bench/builder/handler"
)

// Handle is the function.
func Handle(w http.ResponseWriter, r *http.Request) { handler.HTTP(w, r) }
