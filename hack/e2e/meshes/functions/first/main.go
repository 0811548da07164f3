// Command first is where the chain under test begins.
package main

import (
	"context"

	"github.com/weftmesh/weft/hack/e2e/meshes/item"
	"github.com/weftmesh/weft/runtime/fn"
)

func main() {
	fn.Typed("first", func(_ context.Context, i item.Item) (item.Item, error) { return i, nil })
	fn.Main()
}
