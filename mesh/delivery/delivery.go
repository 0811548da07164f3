// Package delivery takes events from queues, calls functions, retries, breaks
// circuits, dead-letters, and routes outputs along the links of a mesh.
//
// The Router decides, and is pure; the Dispatcher acts. Both engines use them:
// what differs is the Broker that holds the queues and the Endpoints that say
// where a function's replica is.
package delivery

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/mesh"
)

// Endpoints says where to call a function.
type Endpoints interface {
	// Acquire reserves a place for one call on a replica of f and wakes one if
	// there is none. It blocks until a replica is ready and has a place free,
	// or ctx ends. Errors that no waiting can mend (the function does not
	// build, or exits at start) come back at once as *UnavailableError.
	Acquire(ctx context.Context, f *mesh.Function) (Endpoint, error)
	// Prewarm starts a replica of f if it has none, without waiting.
	Prewarm(f *mesh.Function)
}

// Endpoint is a place for one call, to be released exactly once.
type Endpoint struct {
	// URL without path, such as http://127.0.0.1:41234.
	URL string
	// Host is what a request from outside is passed on with as its Host, where a
	// proxy on the way tells functions apart by it; the request's own if empty.
	Host string
	// Token for contract.HeaderToken; "" for none.
	Token string
	// ColdStart is how long the caller waited for a replica to start; zero
	// for a warm call.
	ColdStart time.Duration
	// NoTimeout suspends the call's timeout: the function is being debugged.
	NoTimeout bool
	// Transport for the call; the dispatcher's own, which keeps connections
	// open, if nil.
	Transport http.RoundTripper
	// Release frees the place. broken says that the replica did not answer
	// properly (connection refused or reset), so that the engine looks at it.
	Release func(broken bool)
}

// UnavailableError says why a function has no replica and none will start
// without a change.
type UnavailableError struct {
	Function string
	// Reason for people, such as "does not build: main.go:12:2: undefined: x".
	Reason string
	// RetryAfter is when to try again at the earliest.
	RetryAfter time.Duration
}

func (e *UnavailableError) Error() string {
	return "function " + e.Function + " is not available: " + e.Reason
}

// Output is one event that a function answered or emitted.
type Output struct {
	// To addresses it to one function; "" offers it to every link.
	To string
	// Event to route: its data, type, subject and extensions count; id,
	// source and Weft's own extensions are set anew by the router.
	Event event.Event
}

// Outcome is the end of one call of a function, whatever called it.
type Outcome struct {
	Function *mesh.Function
	// InputSource and InputID identify what the function was called with:
	// they make the ids of routed events repeatable.
	InputSource, InputID string
	// Status is mesh.StatusSuccess or mesh.StatusError, Error the reason.
	Status string
	Error  string
	// Outputs in the order given. For StatusError one output with the input
	// as data.
	Outputs []Output
	// Hops that the input had travelled; 0 for a trigger.
	Hops int
	// TraceParent and TraceState of the call (W3C).
	TraceParent, TraceState string
}

// Routed is what became of an Outcome.
type Routed struct {
	// Queued is the number of events appended to queues.
	Queued int
	// Links taken, in order.
	Links []*mesh.Link
}

// Observer is told what happens to calls and events: metrics, traces and
// logs hang on it. Its methods must not block, are called by many goroutines
// at once, and must not keep or change the events they are shown.
type Observer interface {
	// CallStarted when a call begins, by trigger (link nil) or link.
	CallStarted(f *mesh.Function, link *mesh.Link)
	// CallEnded once for every CallStarted.
	CallEnded(c CallRecord)
	// Routed for every event appended to a queue.
	Routed(from *mesh.Function, link *mesh.Link, e *event.Event)
	// Retrying when an event will be tried again.
	Retrying(c CallRecord, pause time.Duration)
	// DeadLettered when an event has become a dead letter.
	DeadLettered(d DeadLetter)
	// BreakerChanged with the state closed, open or half-open.
	BreakerChanged(f *mesh.Function, state BreakerState)
	// ConditionFailed when a condition could not be evaluated.
	ConditionFailed(link *mesh.Link, err error)
}

// BreakerState is the state of a circuit breaker.
type BreakerState string

// The states of a circuit breaker.
const (
	BreakerClosed   BreakerState = "closed"
	BreakerOpen     BreakerState = "open"
	BreakerHalfOpen BreakerState = "half-open"
)

// CallRecord describes one call of a function.
type CallRecord struct {
	Function *mesh.Function
	// Link that the event came by; nil for a trigger or invocation.
	Link *mesh.Link
	// Trigger is "link", "http", "invoke" or a trigger type.
	Trigger string
	EventID string
	// TraceID in 32 hex digits, SpanID of this call and ParentID in 16.
	TraceID, SpanID, ParentID string
	// Attempt counts from 1.
	Attempt int
	// Enqueued is when the event became durable; zero for HTTP.
	Enqueued time.Time
	// Started and Duration of the call itself, cold start excluded.
	Started  time.Time
	Duration time.Duration
	// ColdStart is the wait for a replica to start, zero if warm.
	ColdStart time.Duration
	// StatusCode of the answer, 0 if there was none.
	StatusCode int
	// Err is why the call failed, nil on success.
	Err error
	// Final says that a failure will not be retried.
	Final bool
	// Outputs is the number of events appended to queues.
	Outputs int
}

// Config of a Dispatcher. Plan, Broker and Endpoints are required.
type Config struct {
	Plan      *mesh.Plan
	Broker    Broker
	Endpoints Endpoints
	// Observer may be nil.
	Observer Observer
	// MaxInFlight bounds the events of a function in flight at once;
	// concurrency times max replicas, at most 256, if nil. Below it the
	// dispatcher finds out by itself how many are worth it, beginning at 32.
	MaxInFlight func(*mesh.Function) int
	// Pulls says which queues Run takes events from; all if nil. Those of the
	// others are declared all the same, and routed to.
	Pulls func(*mesh.Function) bool
	// DrainTimeout is how long Run waits for calls in flight after its
	// context ends; 30s if zero.
	DrainTimeout time.Duration
	// MaxAnswer bounds the body of an answer in bytes; 4 MiB if zero. A
	// longer one is a final failure.
	MaxAnswer int64
	// Logger for what no Observer method tells; slog.Default() if nil.
	Logger *slog.Logger
}
