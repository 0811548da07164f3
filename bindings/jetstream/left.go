package jetstream

import (
	"context"
	"fmt"
	"strings"
)

// Left counts what Remove would delete: events that are not acknowledged, in
// all queues that the mesh ever had, and dead letters.
func (b *Broker) Left(ctx context.Context) (events, deadLetters int, err error) {
	streams := b.js.ListStreams(ctx)
	for info := range streams.Info() {
		name := info.Config.Name
		switch {
		case !strings.HasPrefix(name, b.names.stream), name == b.names.stateStream():
		case name == b.names.deadStream():
			deadLetters += int(info.State.Msgs) //nolint:gosec // a count
		default:
			n, err := b.unacknowledged(ctx, name)
			if err != nil {
				return 0, 0, err
			}
			events += n
		}
	}
	return events, deadLetters, streams.Err()
}

func (b *Broker) unacknowledged(ctx context.Context, stream string) (int, error) {
	c, err := b.js.Consumer(ctx, stream, consumerName)
	if err != nil {
		return 0, fmt.Errorf("stream %s: %w", stream, err)
	}
	info, err := c.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("stream %s: %w", stream, err)
	}
	return int(info.NumPending) + info.NumAckPending, nil //nolint:gosec // a count
}
