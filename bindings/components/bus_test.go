package components

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/dapr/components-contrib/pubsub"
)

func aBus(t *testing.T) *bus {
	t.Helper()
	b := newBus(&bridge{log: slog.New(slog.DiscardHandler)}).(*bus)
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func listen(t *testing.T, b pubsub.PubSub, ctx context.Context, topic string) <-chan string {
	t.Helper()
	got := make(chan string, 16)
	err := b.Subscribe(ctx, pubsub.SubscribeRequest{Topic: topic}, func(_ context.Context, m *pubsub.NewMessage) error {
		got <- string(m.Data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func publish(t *testing.T, b pubsub.PubSub, topic, data string) {
	t.Helper()
	if err := b.Publish(context.Background(), &pubsub.PublishRequest{Topic: topic, Data: []byte(data)}); err != nil {
		t.Fatal(err)
	}
}

// subscribed says how many subscriptions the bus has.
func (b *bus) subscribed() int {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return len(b.subs)
}

func TestBusEndsTheRightSubscription(t *testing.T) {
	b := aBus(t)
	first, end := context.WithCancel(t.Context())
	one := listen(t, b, first, "orders")
	two := listen(t, b, t.Context(), "orders")
	publish(t, b, "orders", "1")
	if <-one != "1" || <-two != "1" {
		t.Error("not both have the first message")
	}
	// The second began later, and a bus that cannot tell them apart ends it.
	end()
	for b.subscribed() > 1 {
		<-first.Done()
	}
	publish(t, b, "orders", "2")
	if got := <-two; got != "2" {
		t.Errorf("the one that remains has %q", got)
	}
	if len(one) != 0 {
		t.Error("the one that ended still has messages")
	}
}

func TestBusKeepsOrder(t *testing.T) {
	b := aBus(t)
	got := listen(t, b, t.Context(), "orders")
	want := []string{"1", "2", "3", "4", "5"}
	for _, m := range want {
		publish(t, b, "orders", m)
	}
	var have []string
	for range want {
		have = append(have, <-got)
	}
	if !slices.Equal(have, want) {
		t.Errorf("order is %v", have)
	}
}

func TestBusWildcards(t *testing.T) {
	b := aBus(t)
	got := listen(t, b, t.Context(), "orders.*")
	for _, topic := range []string{"orders", "orders.", "mails.new", "orders.new"} {
		publish(t, b, topic, topic)
	}
	if m := <-got; m != "orders.new" || len(got) != 0 {
		t.Errorf("the first is %q, and %d more", m, len(got))
	}
}

func TestBusHandlerPublishesToItsOwnTopic(t *testing.T) {
	b, done := aBus(t), make(chan struct{})
	n := 0
	err := b.Subscribe(t.Context(), pubsub.SubscribeRequest{Topic: "orders"}, func(ctx context.Context, m *pubsub.NewMessage) error {
		if n++; n == 10 {
			close(done)
			return nil
		}
		return b.Publish(ctx, &pubsub.PublishRequest{Topic: "orders"})
	})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, b, "orders", "")
	<-done
}

// TestBusLeavesErrorsToHandlers: who takes messages says which were not taken,
// and of what topic; the same again from here would be noise.
func TestBusLeavesErrorsToHandlers(t *testing.T) {
	var log strings.Builder
	b, done := newBus(&bridge{log: slog.New(slog.NewTextHandler(&log, nil))}), make(chan struct{})
	n := 0
	err := b.Subscribe(t.Context(), pubsub.SubscribeRequest{Topic: "orders"}, func(context.Context, *pubsub.NewMessage) error {
		if n++; n == 2 {
			close(done) // the first has been dealt with
		}
		return errors.New("not taken")
	})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, b, "orders", "1")
	publish(t, b, "orders", "2")
	<-done
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if log.Len() > 0 {
		t.Errorf("it logs %s", log.String())
	}
}

func TestBusFull(t *testing.T) {
	b := aBus(t)
	handling, let := make(chan struct{}, 1), make(chan struct{})
	err := b.Subscribe(t.Context(), pubsub.SubscribeRequest{Topic: "orders"}, func(context.Context, *pubsub.NewMessage) error {
		select {
		case handling <- struct{}{}:
		default:
		}
		<-let
		return errors.New("not handled") // The next one comes.
	})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, b, "orders", "")
	<-handling
	for range waiting {
		publish(t, b, "orders", "")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Publish(ctx, &pubsub.PublishRequest{Topic: "orders"}); !errors.Is(err, context.Canceled) {
		t.Errorf("publishing to a subscription that is full: %v", err)
	}
	close(let)
	publish(t, b, "orders", "")
}
