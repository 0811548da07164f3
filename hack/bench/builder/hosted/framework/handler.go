// Package framework registers make bench's HTTP handler with
// functions-framework-go; the builder hosts it.
package framework

import (
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"

	"github.com/weftmesh/weft/hack/bench/builder/handler"
)

func init() { functions.HTTP("http", handler.HTTP) }
