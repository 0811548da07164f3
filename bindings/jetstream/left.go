package jetstream

import (
	"context"
	"fmt"
	"slices"
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

// Stranded counts the events that nobody takes: those not acknowledged, in
// queues that the mesh once had and that are not among the given ones any more.
// Queues without such events are left out.
func (b *Broker) Stranded(ctx context.Context, queues ...string) (map[string]int, error) {
	stranded := make(map[string]int)
	streams := b.js.StreamNames(ctx)
	for name := range streams.Name() {
		queue, ok := strings.CutPrefix(name, b.names.stream)
		if !ok || name == b.names.deadStream() || name == b.names.stateStream() || slices.Contains(queues, queue) {
			continue
		}
		n, err := b.unacknowledged(ctx, name)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			stranded[queue] = n
		}
	}
	return stranded, streams.Err()
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
