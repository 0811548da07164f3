// Command validate-inventory decides orders: it checks the customer and the
// stock, reserves the items if all are there, and hands its decision on, good
// or bad.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/samples/order-processing/shop"
)

func main() {
	stock, err := shop.OpenStock(cmp.Or(os.Getenv("DATABASE_URL"), shop.DefaultStock), shop.OpeningStock())
	if err != nil {
		fmt.Fprintln(os.Stderr, "DATABASE_URL:", err)
		os.Exit(1)
	}
	fn.Typed("validateInventory", validator{stock}.validate)
	fn.Main()
}

type validator struct{ stock *shop.Stock }

// validate may be called again with the same order: the first decision stands.
func (v validator) validate(ctx context.Context, order shop.Order) (shop.Decision, error) {
	if order.OrderID == "" {
		// Nobody could be told, and no later attempt will find an id.
		return shop.Decision{}, fn.Permanent(errors.New("order has no orderId"))
	}
	if err := order.Check(); err != nil {
		return shop.Decision{
			OrderID: order.OrderID, CustomerID: order.CustomerID,
			Status: shop.StatusError, Reason: err.Error(), Timestamp: time.Now().UTC(),
		}, nil
	}
	d, err := v.stock.Decide(order)
	if err != nil {
		return shop.Decision{}, fmt.Errorf("order %s: %w", order.OrderID, err)
	}
	fn.Logger(ctx).Debug("order decided", "orderId", d.OrderID, "customerId", d.CustomerID, "status", d.Status, "reason", d.Reason)
	return d, nil
}
