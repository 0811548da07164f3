package effects

import (
	"context"
	"fmt"
	"time"
)

// poll is how often effects are looked for.
const poll = 20 * time.Millisecond

// Mails says which mail there is: a Box, or what a test puts in its place.
type Mails interface{ About(orderID string) Mail }

// Drain waits until there is mail about every accepted order, or it is a dead
// letter, and returns how many are only the latter. dead returns the orders
// among the dead letters. It is an error if some are neither after most.
func Drain(ctx context.Context, box Mails, accepted []string, dead func(context.Context) (map[string]bool, error), most time.Duration) (int, error) {
	started := time.Now()
	open := accepted
	for {
		var still []string
		for _, id := range open {
			if box.About(id).Count == 0 {
				still = append(still, id)
			}
		}
		if open = still; len(open) == 0 {
			return 0, nil
		}
		if time.Since(started) > time.Second { // dead letters are rare: ask late
			known, err := dead(ctx)
			if err != nil {
				return 0, err
			}
			missing := 0
			for _, id := range open {
				if !known[id] {
					missing++
				}
			}
			if missing == 0 {
				return len(open), nil
			}
			if time.Since(started) > most {
				return 0, fmt.Errorf("%d of %d accepted orders have no effect and are no dead letters after %v, such as %s",
					missing, len(accepted), most, open[0])
			}
		}
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(poll):
		}
	}
}
