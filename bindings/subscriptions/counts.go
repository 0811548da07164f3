package subscriptions

import (
	"errors"
	"sync/atomic"
)

// counts of the messages of a subscription.
type counts struct {
	delivered, dropped, unmatched, expired, retried, deadLettered atomic.Int64
}

func (c *counts) unrouted(err error) {
	if errors.Is(err, errExpired) {
		c.expired.Add(1)
	} else {
		c.unmatched.Add(1)
	}
}

// Counts says what became of the messages of a subscription since it is in
// force. A message of a bulk counts for one.
type Counts struct {
	// Delivered messages were taken by the function, Dropped ones refused by it
	// (404, DROP). No rule matched those Unmatched, those Expired were older
	// than their time to live. Retried ones went back to the component.
	// DeadLettered counts those published to the dead-letter topic, whatever
	// they are counted as besides.
	Delivered, Dropped, Unmatched, Expired, Retried, DeadLettered int64
}

func (c *counts) read() Counts {
	return Counts{
		Delivered: c.delivered.Load(), Dropped: c.dropped.Load(), Unmatched: c.unmatched.Load(),
		Expired: c.expired.Load(), Retried: c.retried.Load(), DeadLettered: c.deadLettered.Load(),
	}
}

// Counted is a subscription with its counts.
type Counted struct {
	Subscription
	Counts
}
