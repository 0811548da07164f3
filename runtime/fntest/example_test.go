package fntest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/runtime/fntest"
)

type order struct {
	ID    string   `json:"orderId"`
	Items []string `json:"items"`
}

type notice struct {
	OrderID string `json:"orderId"`
	Text    string `json:"text"`
}

// validate is the function under test.
func validate(ctx context.Context, o order) (order, error) {
	if len(o.Items) == 0 {
		return o, fn.Permanent(errors.New("order has no items"))
	}
	return o, fn.Emit(ctx, "notifyUser", notice{OrderID: o.ID, Text: "accepted"})
}

// A handler is called with the harness's context.
func TestValidate(t *testing.T) {
	h := fntest.New(t)
	if _, err := validate(h.Context(), order{ID: "order-1", Items: []string{"lamp"}}); err != nil {
		t.Fatal(err)
	}
	if got := fntest.EmittedAs[notice](h, "notifyUser"); len(got) != 1 || got[0].OrderID != "order-1" {
		t.Errorf("notified %v", got)
	}
}

// A delivery runs through the host that serves functions in production.
func TestValidateDelivered(t *testing.T) {
	h := fntest.New(t)
	fntest.Typed(h, "validateInventory", validate)
	if out := h.Deliver(order{ID: "order-1"}); out.Kind != fntest.KindFinal || out.Err != "order has no items" {
		t.Errorf("an order without items: %+v", out)
	}
}

// The two tests above are all that it takes; go test runs them.
func Example() {
	fmt.Println("go test ./functions/validate-inventory")
	// Output: go test ./functions/validate-inventory
}
