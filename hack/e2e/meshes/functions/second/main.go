// Command second is the middle of the chain under test.
package main

import (
	"context"

	"github.com/weftmesh/weft/hack/e2e/meshes/item"
	"github.com/weftmesh/weft/runtime/fn"
)

func main() {
	fn.Typed("second", func(_ context.Context, i item.Item) (item.Item, error) { return i, nil })
	fn.Main()
}
