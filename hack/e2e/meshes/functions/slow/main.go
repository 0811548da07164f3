// Command slow takes an item's time and tells the collector.
package main

import (
	"context"

	"github.com/weftmesh/weft/hack/e2e/meshes/item"
	"github.com/weftmesh/weft/runtime/fn"
)

func main() {
	fn.Typed("slow", func(ctx context.Context, i item.Item) (struct{}, error) {
		if err := i.Work(ctx); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, item.Report(ctx, "slow", i)
	})
	fn.Main()
}
