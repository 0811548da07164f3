// Command work tells when it was called, or takes its time.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/weftmesh/weft/runtime/fn"
)

type item struct {
	// ID to tell of; "" for none.
	ID string `json:"id"`
	// Milliseconds that it takes.
	Milliseconds int `json:"milliseconds"`
}

func main() {
	fn.Typed(os.Getenv("FUNCTION_TARGET"), func(ctx context.Context, i item) (struct{}, error) {
		called := time.Now().UnixNano()
		if i.ID == "" {
			time.Sleep(time.Duration(i.Milliseconds) * time.Millisecond)
			return struct{}{}, nil
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s/%s/%d", os.Getenv("COLLECTOR"), i.ID, called), nil)
		if err != nil {
			return struct{}{}, err
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, resp.Body.Close()
	})
	fn.Main()
}
