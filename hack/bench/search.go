//go:build unix

package main

import (
	"context"
	"fmt"
	"time"
)

// The search for the highest rate that holds the limit.
const (
	limit      = 180 * time.Millisecond // end to end, 95 of 100 orders (the article's figure)
	firstRate  = 800
	highestTry = 20_000
	growth     = 1.5
)

// search finds the highest rate at which all orders complete with their p95
// within the limit: it grows by half until that fails, then halves the gap. A
// rate that fails is tried once more, since a machine has other things to do.
func search(ctx context.Context, b *bench, step time.Duration, bisections int, try func(ctx context.Context, rate float64, count int) (orders, error)) (float64, error) {
	once := func(rate float64) (bool, error) {
		o, err := try(ctx, rate, int(rate*step.Seconds()))
		if err != nil {
			return false, err
		}
		ok := o.Accepted == o.Sent && o.Lost == 0 && o.EndToEnd.P95 <= ms(limit)
		b.say("  %6.0f orders/s: end to end p50 %.1f, p95 %.1f ms, %d of %d accepted: %s",
			rate, o.EndToEnd.P50, o.EndToEnd.P95, o.Accepted, o.Sent, map[bool]string{true: "held", false: "not held"}[ok])
		return ok, nil
	}
	holds := func(rate float64) (bool, error) {
		ok, err := once(rate)
		if err != nil || ok {
			return ok, err
		}
		return once(rate)
	}
	low, high := 0.0, 0.0
	for rate := float64(firstRate); high == 0; rate *= growth {
		if rate > highestTry {
			return low, nil
		}
		ok, err := holds(rate)
		if err != nil {
			return 0, err
		}
		if ok {
			low = rate
		} else {
			high = rate
		}
	}
	for range bisections {
		mid := (low + high) / 2
		ok, err := holds(mid)
		if err != nil {
			return 0, err
		}
		if ok {
			low = mid
		} else {
			high = mid
		}
	}
	if low == 0 {
		return 0, fmt.Errorf("not even %.0f orders a second held p95 within %v", high, limit)
	}
	return low, nil
}
