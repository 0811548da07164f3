package components

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/pubsub"
)

func streamOf(t *testing.T, url, consumer string) pubsub.PubSub {
	t.Helper()
	s := newStream(&bridge{log: slog.New(slog.DiscardHandler)})
	err := s.Init(t.Context(), pubsub.Metadata{Base: metadata.Base{Name: "events", Properties: map[string]string{"natsURL": url, consumerID: consumer}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func ordersOn(t *testing.T, url string) {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders", "mails"}}); err != nil {
		t.Fatal(err)
	}
}

// unbound waits until the server knows that no one subscribes to a consumer.
func unbound(t *testing.T, url, stream, consumer string) {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := nc.JetStream(nats.Context(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	for {
		info, err := js.ConsumerInfo(stream, consumer)
		if err != nil {
			t.Fatal(err)
		}
		if !info.PushBound {
			return
		}
	}
}

// TestStreamConsumersAreDurable: what comes while a consumer is away is there
// when it is back, and what it has had does not come again.
func TestStreamConsumersAreDurable(t *testing.T) {
	url := natsServerFor(t, &server.Options{}).ClientURL()
	ordersOn(t, url)
	publisher := streamOf(t, url, "publisher")

	ctx, leave := context.WithCancel(t.Context())
	consumer := streamOf(t, url, "shop-a")
	orders, mails := listen(t, consumer, ctx, "orders"), listen(t, consumer, ctx, "mails")
	other := listen(t, streamOf(t, url, "shop-b"), t.Context(), "orders")
	publish(t, publisher, "orders", "1")
	publish(t, publisher, "mails", "m")
	if <-orders != "1" || <-other != "1" || <-mails != "m" {
		t.Error("not each consumer has each message")
	}
	leave()
	if err := consumer.Close(); err != nil {
		t.Fatal(err)
	}
	// What the server still sends to where no one listens comes again after the
	// ack wait, half a minute.
	unbound(t, url, "ORDERS", durable("shop-a", "orders"))
	publish(t, publisher, "orders", "2")
	if got := <-other; got != "2" {
		t.Errorf("the other consumer has %q", got)
	}
	again := listen(t, streamOf(t, url, "shop-a"), t.Context(), "orders")
	if got := <-again; got != "2" {
		t.Errorf("the consumer that is back has %q first", got)
	}
	if err := consumer.Subscribe(t.Context(), pubsub.SubscribeRequest{Topic: "orders"}, nil); err == nil {
		t.Error("a closed component subscribes")
	}
	if err := consumer.Publish(t.Context(), &pubsub.PublishRequest{Topic: "orders"}); err == nil {
		t.Error("a closed component publishes")
	}
}

// TestStreamTakesOver: a subscription waits for that of another connection to
// end, as when a mesh is read again.
func TestStreamTakesOver(t *testing.T) {
	url := natsServerFor(t, &server.Options{}).ClientURL()
	ordersOn(t, url)
	ctx, leave := context.WithCancel(t.Context())
	listen(t, streamOf(t, url, "shop-a"), ctx, "orders")
	next, subscribed := streamOf(t, url, "shop-a"), make(chan error)
	got := make(chan string, 1)
	go func() {
		subscribed <- next.Subscribe(t.Context(), pubsub.SubscribeRequest{Topic: "orders"}, func(_ context.Context, m *pubsub.NewMessage) error {
			got <- string(m.Data)
			return nil
		})
	}()
	leave()
	if err := <-subscribed; err != nil {
		t.Fatal(err)
	}
	publish(t, next, "orders", "1")
	if m := <-got; m != "1" {
		t.Errorf("it has %q", m)
	}
}

// TestStreamRenews has the connection of a publisher at its end.
func TestStreamRenews(t *testing.T) {
	url := natsServerFor(t, &server.Options{}).ClientURL()
	ordersOn(t, url)
	s := streamOf(t, url, "publisher").(*stream)
	got := listen(t, s, t.Context(), "orders")
	old := s.publisher
	// Its connection drains, which ends it as giving up does.
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	renewed, err := s.renew(t.Context(), old)
	if err != nil || renewed == old {
		t.Fatalf("renew: %v", err)
	}
	if same, err := s.renew(t.Context(), old); err != nil || same != renewed {
		t.Errorf("a second one to notice connects again: %v", err)
	}
	publish(t, s, "orders", "1")
	if m := <-got; m != "1" {
		t.Errorf("it has %q", m)
	}
}

// TestStreamSettingsOfADurable: a durable consumer keeps the settings that it was
// made with, and the server refuses others without saying which.
func TestStreamSettingsOfADurable(t *testing.T) {
	url := natsServerFor(t, &server.Options{}).ClientURL()
	ordersOn(t, url)
	subscribe := func(ackWait string) error {
		s := newStream(&bridge{log: slog.New(slog.DiscardHandler)})
		t.Cleanup(func() { _ = s.Close() })
		err := s.Init(t.Context(), pubsub.Metadata{Base: metadata.Base{Name: "events", Properties: map[string]string{
			"natsURL": url, consumerID: "shop-a", "ackWait": ackWait,
		}}})
		if err != nil {
			t.Fatal(err)
		}
		return s.Subscribe(t.Context(), pubsub.SubscribeRequest{Topic: "orders"}, func(context.Context, *pubsub.NewMessage) error { return nil })
	}
	if err := subscribe("7s"); err != nil {
		t.Fatal(err)
	}
	err := subscribe("8s")
	if err == nil || !strings.Contains(err.Error(), durable("shop-a", "orders")+" was made with other settings: remove it") {
		t.Errorf("the way out is not told: %v", err)
	}
}

// TestStreamSubscribesWhileItCloses: what comes to be while the component closes
// does not outlive it.
func TestStreamSubscribesWhileItCloses(t *testing.T) {
	url := natsServerFor(t, &server.Options{}).ClientURL()
	ordersOn(t, url)
	for range 20 {
		s := streamOf(t, url, "shop-a")
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = s.Subscribe(t.Context(), pubsub.SubscribeRequest{Topic: "orders"}, func(context.Context, *pubsub.NewMessage) error { return nil })
		}()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		<-done
	}
}

func TestDurableNames(t *testing.T) {
	seen := make(map[string]bool)
	for _, of := range [][2]string{{"a", "b.c"}, {"a", "b>c"}, {"a", "b*c"}, {"a-b", "c"}, {"a", "b-c"}, {strings.Repeat("x", 300), "y"}, {strings.Repeat("x", 300), "z"}} {
		name := durable(of[0], of[1])
		if seen[name] || len(name) > 80 || strings.ContainsAny(name, ".*> /") {
			t.Errorf("durable(%.20q, %q) is %q", of[0], of[1], name)
		}
		seen[name] = true
	}
}
