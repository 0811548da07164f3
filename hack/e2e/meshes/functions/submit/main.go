// Command submit makes a backlog: as many events of an item as it says.
package main

import (
	"context"
	"fmt"

	"github.com/weftmesh/weft/hack/e2e/meshes/item"
	"github.com/weftmesh/weft/runtime/fn"
)

func main() {
	fn.Typed("submit", submit)
	fn.Main()
}

func submit(ctx context.Context, i item.Item) (struct{}, error) {
	for n := range i.Count {
		one := item.Item{ID: fmt.Sprintf("%s-%d", i.ID, n), Milliseconds: i.Milliseconds}
		for _, to := range []string{"work", "slow"} {
			if err := fn.Emit(ctx, to, one); err != nil {
				return struct{}{}, err
			}
		}
	}
	return struct{}{}, nil
}
