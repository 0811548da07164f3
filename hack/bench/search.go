//go:build unix

package main

import (
	"context"
	"time"
)

// The search for the highest rate that holds the limit.
const (
	limit      = 180 * time.Millisecond // end to end, 95 of 100 orders (the article's figure)
	firstRate  = 800
	highestTry = 20_000
	lowestTry  = 20
	growth     = 1.5
)

// search finds the highest rate at which all orders complete with their p95
// within the limit, 0 if none does: it grows by half until that fails, then
// halves the gap. One failure is enough: a rate that holds only now and then
// is not held.
func search(ctx context.Context, b *bench, step time.Duration, bisections int, try func(ctx context.Context, rate float64, count int) (orders, error)) (float64, error) {
	holds := func(rate float64) (bool, error) {
		o, err := try(ctx, rate, int(rate*step.Seconds()))
		if err != nil {
			return false, err
		}
		ok := o.Accepted == o.Sent && o.Lost == 0 && o.EndToEnd.P95 <= ms(limit)
		b.say("  %6.0f orders/s: end to end p50 %.1f, p95 %.1f ms, %d of %d accepted: %s",
			rate, o.EndToEnd.P50, o.EndToEnd.P95, o.Accepted, o.Sent, map[bool]string{true: "held", false: "not held"}[ok])
		return ok, nil
	}
	// Up by half while it holds; down by half while it does not.
	rate := float64(firstRate)
	ok, err := holds(rate)
	if err != nil {
		return 0, err
	}
	low, high := rate, 0.0
	for up := ok; high == 0 || low == 0; {
		if up {
			low, rate = rate, rate*growth
		} else {
			low, high, rate = 0, rate, rate/2
		}
		if rate > highestTry || rate < lowestTry {
			return low, nil
		}
		if ok, err = holds(rate); err != nil {
			return 0, err
		}
		switch {
		case up && !ok:
			high = rate
		case !up && ok:
			low = rate
		}
	}
	for range bisections {
		mid := (low + high) / 2
		if ok, err = holds(mid); err != nil {
			return 0, err
		}
		if ok {
			low = mid
		} else {
			high = mid
		}
	}
	return low, nil
}
