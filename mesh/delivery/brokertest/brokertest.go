// Package brokertest is the suite that every delivery.Broker passes: what the
// interface's comments say in words, it says in tests.
//
// A package with a Broker calls Run from a test, and Child from TestMain, as
// the suite starts the test binary again to kill it.
package brokertest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/mesh/delivery"
)

// Suite says how to get at the broker under test.
type Suite struct {
	// Place makes a new, empty store for a test and says where it is. Stores
	// must be usable by another process.
	Place func(t *testing.T) string
	// Open opens the broker of the store at place. After Close it opens what
	// was left: that is a restart.
	Open func(ctx context.Context, place string, o Options) (delivery.Broker, error)
	// Waived names tests of Run whose promise the broker cannot keep, each with
	// the reason: "Full", or "RoundTrip/Big". They are not run, which the log
	// says.
	Waived map[string]string
}

// Options that a test needs.
type Options struct {
	// MaxBytes bounds each queue; 0 for the broker's default.
	MaxBytes int64
	// AckWait after which an unsettled event comes again; 0 for the default.
	AckWait time.Duration
}

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// Run tests the broker.
func Run(t *testing.T, s Suite) {
	tests := map[string]func(*testing.T, Suite){
		"RoundTrip":           roundTrip,
		"Restart":             restart,
		"Kill":                kill,
		"Dedup":               dedup,
		"DedupRestart":        dedupRestart,
		"Release":             release,
		"Retry":               retry,
		"AttemptsRestart":     attemptsRestart,
		"AttemptsShared":      attemptsShared,
		"OutOfOrder":          outOfOrder,
		"Progress":            progress,
		"Competing":           competing,
		"FetchEnds":           fetchEnds,
		"CloseGivesBack":      closeGivesBack,
		"Full":                full,
		"TooLarge":            tooLarge,
		"UnknownQueue":        unknownQueue,
		"DeclareTwice":        declareTwice,
		"ManyQueues":          manyQueues,
		"Stats":               stats,
		"DeadLetters":         deadLetters,
		"DeadLettersOrder":    deadLettersOrder,
		"DeadLettersRestart":  deadLettersRestart,
		"DeadLettersAddAgain": deadLettersAddAgain,
		"Shared":              shared,
		"SharedWatch":         sharedWatch,
		"Closed":              closed,
	}
	for name, reason := range s.Waived {
		test, _, _ := strings.Cut(name, "/")
		if tests[test] == nil || reason == "" {
			t.Fatalf("waived: %q because %q: there must be a test of that name, and a reason", name, reason)
		}
		t.Logf("not promised: %s: %s", name, reason)
	}
	for name, test := range tests {
		if s.Waived[name] != "" {
			continue
		}
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

// bench is one store under test.
type bench struct {
	*testing.T
	suite Suite
	place string
	opts  Options
	delivery.Broker
}

// open makes a store with the queue "q" and opens it.
func open(t *testing.T, s Suite, opts ...Options) *bench {
	t.Helper()
	b := &bench{T: t, suite: s, place: s.Place(t)}
	if len(opts) > 0 {
		b.opts = opts[0]
	}
	b.reopen()
	t.Cleanup(func() { _ = b.Broker.Close() })
	return b
}

func (b *bench) reopen() {
	b.Helper()
	broker, err := b.suite.Open(context.Background(), b.place, b.opts)
	if err != nil {
		b.Fatal(err)
	}
	b.Broker = broker
	if err := broker.Declare(b.ctx(), "q"); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) restart() {
	b.Helper()
	if err := b.Broker.Close(); err != nil {
		b.Fatal(err)
	}
	b.reopen()
}

// ctx ends when patience does.
func (b *bench) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	b.Cleanup(cancel)
	return ctx
}

func newEvent(id string) *event.Event {
	e := event.New()
	e.SetID(id)
	e.SetSource("/brokertest")
	e.SetType("test")
	e.SetTime(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC))
	e.SetDataContentType("application/json")
	e.DataEncoded = []byte(`{"id":"` + id + `"}`)
	return &e
}

func (b *bench) publish(ids ...string) {
	b.Helper()
	for _, id := range ids {
		if err := b.Publish(b.ctx(), "q", newEvent(id)); err != nil {
			b.Fatalf("publish %s: %v", id, err)
		}
	}
}

func ids(prefix string, n int) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = prefix + strconv.Itoa(i)
	}
	return s
}

func (b *bench) subscribe() delivery.Subscription {
	b.Helper()
	sub, err := b.Subscribe(b.ctx(), "q")
	if err != nil {
		b.Fatal(err)
	}
	return sub
}

// take fetches exactly n events.
func (b *bench) take(sub delivery.Subscription, n int) []delivery.Delivery {
	b.Helper()
	var ds []delivery.Delivery
	for len(ds) < n {
		more, err := sub.Fetch(b.ctx(), n-len(ds))
		if err != nil {
			b.Fatalf("after %d of %d events: %v", len(ds), n, err)
		}
		if len(more) == 0 || len(more) > n-len(ds) {
			b.Fatalf("Fetch(%d) gave %d events", n-len(ds), len(more))
		}
		ds = append(ds, more...)
	}
	return ds
}

// one takes one event.
func (b *bench) one(sub delivery.Subscription) delivery.Delivery {
	b.Helper()
	return b.take(sub, 1)[0]
}

func (b *bench) ack(ds ...delivery.Delivery) {
	b.Helper()
	for _, d := range ds {
		if err := d.Ack(b.ctx()); err != nil {
			b.Fatal(err)
		}
	}
}

// empty waits until nothing waits and nothing is in flight.
func (b *bench) empty() {
	b.Helper()
	b.until(func() (bool, string) {
		s, err := b.Broker.Stats(b.ctx(), "q")
		if err != nil {
			b.Fatal(err)
		}
		return s.Waiting == 0 && s.InFlight == 0, fmt.Sprintf("%+v", s)
	})
}

// until polls a state that nobody announces.
func (b *bench) until(ok func() (bool, string)) {
	b.Helper()
	deadline := time.Now().Add(patience)
	for {
		done, state := ok()
		if done {
			return
		}
		if time.Now().After(deadline) {
			b.Fatalf("still %s", state)
		}
		time.Sleep(time.Millisecond)
	}
}

func idsOf(ds []delivery.Delivery) []string {
	var s []string
	for _, d := range ds {
		s = append(s, d.Event().ID())
	}
	slices.Sort(s)
	return s
}
