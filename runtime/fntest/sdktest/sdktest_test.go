package sdktest_test

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/dapr/go-sdk/client"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/runtime/fntest/sdktest"
	"github.com/weftmesh/weft/runtime/state"
)

type order struct {
	ID string `json:"id"`
}

// file is a handler that knows nothing but Dapr.
func file(ctx context.Context, o order) (order, error) {
	c, err := client.NewClient()
	if err != nil {
		return o, err
	}
	data, err := json.Marshal(o)
	if err != nil {
		return o, err
	}
	if err := c.SaveState(ctx, "order-state", o.ID, data, nil); err != nil {
		return o, err
	}
	if err := c.PublishEvent(ctx, "orders", "filed", o); err != nil {
		return o, err
	}
	_, err = c.InvokeBinding(ctx, &client.InvokeBindingRequest{Name: "email", Operation: "create", Data: []byte("filed")})
	return o, err
}

func TestHandlerOfTheSDK(t *testing.T) {
	// Twice: the client of the first test is that of the second.
	for _, name := range []string{"first", "second"} {
		t.Run(name, func(t *testing.T) {
			h := fntest.New(t)
			sdktest.Serve(t, h)
			fntest.Typed(h, "file", file)
			if out := h.Deliver(order{ID: name}); out.Kind != fntest.KindOutput {
				t.Fatalf("outcome %+v", out)
			}
			if got := fntest.StateAs[order](h, "order-state", name); got.ID != name {
				t.Errorf("stored %+v", got)
			}
			if got := h.StateKeys("order-state"); len(got) != 1 {
				t.Errorf("keys %v: harnesses share state", got)
			}
			if got := fntest.PublishedAs[order](h, "orders", "filed"); len(got) != 1 || got[0].ID != name {
				t.Errorf("published %v", got)
			}
			if got := h.Bound("email"); len(got) != 1 || string(got[0].Data) != "filed" {
				t.Errorf("bound %v", got)
			}
			h.FailNext("order-state", 1, state.ErrUnavailable)
			if out := h.Deliver(order{ID: name}); out.Kind != fntest.KindRetry {
				t.Errorf("with the engine gone: %+v", out)
			}
		})
	}
}
