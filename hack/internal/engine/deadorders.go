//go:build unix

package engine

import (
	"context"
	"encoding/json"
	"fmt"
)

// mostDead bounds how many dead letters are looked at.
const mostDead = 10_000

// DeadOrders returns the orders among the dead letters, by id.
func (e *Engine) DeadOrders(ctx context.Context) (map[string]bool, error) {
	list, err := e.Client.DeadLetters(ctx, "", mostDead)
	if err != nil {
		return nil, err
	}
	ids := make(map[string]bool)
	for _, d := range list {
		full, err := e.Client.DeadLetter(ctx, d.ID)
		if err != nil {
			return nil, err
		}
		var event struct {
			Data struct {
				OrderID string `json:"orderId"`
			} `json:"data"`
		}
		if err := json.Unmarshal(full.Event, &event); err != nil {
			return nil, fmt.Errorf("dead letter %s: %w", d.ID, err)
		}
		ids[event.Data.OrderID] = true
	}
	return ids, nil
}
