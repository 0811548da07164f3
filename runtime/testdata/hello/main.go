// Command hello is the smallest function, to see what one weighs.
package main

import (
	"context"

	"github.com/weftmesh/weft/runtime/fn"
)

type greeting struct {
	Name string `json:"name"`
}

func main() {
	fn.Typed("hello", func(_ context.Context, g greeting) (map[string]string, error) {
		return map[string]string{"hello": g.Name}, nil
	})
	fn.Main()
}
