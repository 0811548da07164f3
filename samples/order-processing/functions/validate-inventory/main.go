// Command validate-inventory decides orders: it checks the customer and the
// stock, reserves the items if all are there, and hands its decision on, good
// or bad.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/samples/order-processing/counter"
	"github.com/weftmesh/weft/samples/order-processing/shop"
)

func main() {
	fn.Typed("validateInventory", validator{counter.New()}.validate)
	fn.Main()
}

type validator struct{ counter *counter.Counter }

// validate may be called again with the same order: the first decision stands.
func (v validator) validate(ctx context.Context, order shop.Order) (shop.Decision, error) {
	if err := shop.CheckID(order.OrderID); err != nil {
		// Nobody could be told, and no later attempt will find an id.
		return shop.Decision{}, fn.Permanent(fmt.Errorf("orderId: %w", err))
	}
	if err := order.Check(); err != nil {
		return shop.Decision{
			OrderID: order.OrderID, CustomerID: order.CustomerID,
			Status: shop.StatusError, Reason: err.Error(), Timestamp: time.Now().UTC(),
		}, nil
	}
	d, err := v.counter.Decide(ctx, order)
	if err != nil {
		return shop.Decision{}, err
	}
	fn.Logger(ctx).Debug("order decided", "orderId", d.OrderID, "customerId", d.CustomerID, "status", d.Status, "reason", d.Reason)
	return d, nil
}
