// Package function answers an order with what it comes to.
package function

import (
	"context"
	"errors"
	"fmt"

	"github.com/cloudevents/sdk-go/v2/event"
)

// Order is the data of the event that comes in.
type Order struct {
	Lines []Line `json:"lines"`
}

// Line of an order; the price is in cents.
type Line struct {
	Count int64 `json:"count"`
	Price int64 `json:"price"`
}

// Total is the data of the event that goes out.
type Total struct {
	Cents int64 `json:"cents"`
}

// Handle adds an order up. The same event always has the same answer, with the
// same id: it may be delivered twice.
func Handle(_ context.Context, in event.Event) (*event.Event, error) {
	var order Order
	if err := in.DataAs(&order); err != nil {
		return nil, fmt.Errorf("event %s is no order: %w", in.ID(), err)
	}
	var total Total
	for _, l := range order.Lines {
		if l.Count < 0 || l.Price < 0 {
			return nil, errors.New("a count or price is negative")
		}
		total.Cents += l.Count * l.Price
	}
	out := event.New()
	out.SetID(in.ID() + "-total")
	out.SetSource("function")
	out.SetType("order.total")
	if err := out.SetData(event.ApplicationJSON, total); err != nil {
		return nil, err
	}
	return &out, nil
}
