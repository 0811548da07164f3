package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
)

// Errors of a Broker that callers test for.
var (
	// ErrQueueFull means that the queue is at its bound; the sender should
	// try again later.
	ErrQueueFull = errors.New("queue is full")
	// ErrTooLarge means that an event is larger than the broker ever takes;
	// trying again does not help.
	ErrTooLarge = errors.New("event is too large")
	// ErrClosed means that the broker has been closed.
	ErrClosed = errors.New("broker is closed")
	// ErrNotFound means that there is no such queue or dead letter.
	ErrNotFound = errors.New("not found")
)

// Broker keeps a durable queue per function and one for dead letters. All
// methods are safe for concurrent use. The suite in mesh/delivery/brokertest
// says in tests what the comments say in words.
type Broker interface {
	// Declare makes the named queues and the dead-letter queue exist. It is
	// idempotent; queues that exist keep their events.
	Declare(ctx context.Context, queues ...string) error
	// Publish appends e to a queue and returns nil once it is durable. Within
	// the dedup window, also across a restart of the broker, a second event
	// with the same source and id is accepted and not stored. ErrQueueFull
	// when the queue is at its bound, ErrTooLarge when no queue will ever take
	// e; e is not kept after Publish returns.
	Publish(ctx context.Context, queue string, e *event.Event) error
	// Subscribe takes events from a queue. Several subscriptions, in one
	// process or many, share its events.
	Subscribe(ctx context.Context, queue string) (Subscription, error)
	// Stats counts what is in a queue.
	Stats(ctx context.Context, queue string) (Stats, error)
	// DeadLetters gives access to the dead-letter queue.
	DeadLetters() DeadLetters
	// Shared is state that the dispatchers of one mesh share, such as that of
	// circuit breakers. nil if the broker has none: each dispatcher then
	// keeps its own.
	Shared() Shared
	// Close releases the broker's resources; unacknowledged events stay.
	Close() error
}

// Subscription pulls events from one queue.
type Subscription interface {
	// Fetch returns between 1 and most events. It blocks until there is one
	// or ctx ends, then with ctx's error; events in hand are never lost by
	// that.
	Fetch(ctx context.Context, most int) ([]Delivery, error)
	// Close stops pulling. Events fetched and not yet settled stay with
	// their holder.
	Close() error
}

// Delivery is an event in the hands of a dispatcher. Exactly one of Ack, Retry
// and Release settles it; an unsettled one comes back after the broker's ack
// wait unless Progress is called.
type Delivery interface {
	Event() *event.Event
	// Attempts is the number of calls made for this event so far, by any
	// dispatcher, as recorded by Retry.
	Attempts() int
	// Enqueued is when the event became durable.
	Enqueued() time.Time
	// Ack takes the event off the queue.
	Ack(ctx context.Context) error
	// Retry hands the event back, to come again after the pause, and records
	// the number of calls made so far. Healthy events pass it meanwhile.
	Retry(ctx context.Context, pause time.Duration, attempts int) error
	// Release hands the event back at once, with no attempt spent: at a
	// shutdown, or when the circuit has opened.
	Release(ctx context.Context) error
	// Progress says that the event is still being worked on. Call it at
	// least each ProgressInterval.
	Progress(ctx context.Context) error
}

// ProgressInterval is how often Progress must be called at least; the ack wait
// of a broker must be at least three times that.
const ProgressInterval = 5 * time.Second

// Stats counts what is in a queue.
type Stats struct {
	// Waiting events have not been handed to a dispatcher; InFlight ones have,
	// or are in a pause between attempts.
	Waiting, InFlight int
	// Oldest is when the oldest unacknowledged event became durable; zero if
	// none or unknown.
	Oldest time.Time
}

// DeadLetter is an event that no attempt and no link could help.
type DeadLetter struct {
	// ID of the dead letter, unique within the mesh and stable.
	ID string `json:"id"`
	// Function that should have handled the event.
	Function string `json:"function"`
	// Event as it was delivered.
	Event *event.Event `json:"event"`
	// Error of the last attempt and number of calls made.
	Error    string `json:"error"`
	Attempts int    `json:"attempts"`
	TraceID  string `json:"traceId,omitempty"`
	// Time at which it became a dead letter.
	Time time.Time `json:"time"`
}

// DeadLetters keeps dead letters until someone redrives or drops them.
type DeadLetters interface {
	// Add stores a dead letter durably. Within the dedup window a second one
	// with the same ID is not stored.
	Add(ctx context.Context, d DeadLetter) error
	// List returns up to most dead letters, oldest first, of one function or
	// of all ("").
	List(ctx context.Context, function string, most int) ([]DeadLetter, error)
	// Count returns how many there are by function.
	Count(ctx context.Context) (map[string]int, error)
	// Get returns one; ErrNotFound if there is none.
	Get(ctx context.Context, id string) (DeadLetter, error)
	// Replace stores an edited event under the same ID.
	Replace(ctx context.Context, d DeadLetter) error
	// Remove forgets one; ErrNotFound if there is none.
	Remove(ctx context.Context, id string) error
}

// Shared is a small key-value store with compare-and-set.
type Shared interface {
	// Get returns the value and its revision; revision 0 means absent.
	Get(ctx context.Context, key string) (value []byte, revision uint64, err error)
	// Put stores value if the revision is still that given (0: must be
	// absent) and reports whether it did.
	Put(ctx context.Context, key string, value []byte, revision uint64) (bool, error)
	// Watch calls fn with each change of any key until ctx ends.
	Watch(ctx context.Context, fn func(key string, value []byte)) error
}
