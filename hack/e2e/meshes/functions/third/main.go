// Command third takes an item's time and tells the collector.
package main

import (
	"context"

	"github.com/weftmesh/weft/hack/e2e/meshes/item"
	"github.com/weftmesh/weft/runtime/fn"
)

func main() {
	fn.Typed("third", func(ctx context.Context, i item.Item) (struct{}, error) {
		if err := i.Work(ctx); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, item.Report(ctx, "chain", i)
	})
	fn.Main()
}
