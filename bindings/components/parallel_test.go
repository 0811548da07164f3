package components

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/pubsub"
)

func TestSerialise(t *testing.T) {
	type want struct {
		Width       int
		Warns, Errs bool
	}
	for name, c := range map[string]struct {
		reason string
		props  map[string]string
		want   want
	}{
		"default":     {reason: "one at a time is the component's default", want: want{Width: 1}},
		"single":      {reason: "asked for", props: map[string]string{"concurrency": "single"}, want: want{Width: 1}},
		"parallel":    {reason: "bounded by the engine", props: map[string]string{"concurrency": "parallel"}, want: want{Width: parallelMost}},
		"other name":  {reason: "components-contrib reads this one first", props: map[string]string{"concurrency": "single", "concurrencyMode": "parallel"}, want: want{Width: parallelMost}},
		"any case":    {reason: "names and values of metadata hold in any case", props: map[string]string{"Concurrency": "Parallel"}, want: want{Width: parallelMost}},
		"few pending": {reason: "the server hands out no more", props: map[string]string{"concurrency": "parallel", "maxAckPending": "4"}, want: want{Width: 4}},
		"ack all":     {reason: "one acknowledgement would be for others' messages", props: map[string]string{"concurrency": "parallel", "ackPolicy": "all"}, want: want{Width: 1, Warns: true}},
		"durable":     {reason: "subscriptions share in a group only", props: map[string]string{"concurrency": "parallel", "durableName": "d"}, want: want{Width: 1, Warns: true}},
		"group":       {reason: "in a group they do", props: map[string]string{"concurrency": "parallel", "durableName": "d", "queueGroupName": "d"}, want: want{Width: parallelMost}},
		"unknown":     {reason: "components-contrib would have no handler at all", props: map[string]string{"concurrency": "many"}, want: want{Errs: true}},
	} {
		t.Run(name, func(t *testing.T) {
			props := with(c.props)
			if props == nil {
				props = make(map[string]string)
			}
			width, why, err := serialise(props)
			if diff := cmp.Diff(c.want, want{width, why != "", err != nil}); diff != "" {
				t.Errorf("%s: (-want +got)\n%s", c.reason, diff)
			}
			if props["concurrency"] != "single" || props["concurrencyMode"] != "" || props["Concurrency"] != "" {
				t.Errorf("the component is given %v", props)
			}
		})
	}
}

// TestStreamInParallel: messages are handled at the same time, and none is
// acknowledged before.
func TestStreamInParallel(t *testing.T) {
	inParallel(t, natsServerFor(t, &server.Options{}).ClientURL())
}

func TestRealStreamInParallel(t *testing.T) { inParallel(t, real(t, "WEFT_TEST_NATS")) }

func inParallel(t *testing.T, url string) {
	topic := unique()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: topic, Subjects: []string{topic}, Storage: jetstream.MemoryStorage}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = js.DeleteStream(context.Background(), topic) })

	s := newStream(&bridge{log: slog.New(slog.DiscardHandler)})
	err = s.Init(t.Context(), pubsub.Metadata{Base: metadata.Base{Name: "events", Properties: map[string]string{
		"natsURL": url, consumerID: "shop", "concurrency": "parallel", "maxAckPending": "8"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })

	const messages = 64
	var (
		mu    sync.Mutex
		times = make(map[string]int)
	)
	entered, open, done := make(chan struct{}, 2*messages), make(chan struct{}), make(chan struct{}, 2*messages)
	err = s.Subscribe(t.Context(), pubsub.SubscribeRequest{Topic: topic}, func(ctx context.Context, m *pubsub.NewMessage) error {
		entered <- struct{}{}
		select {
		case <-open:
		case <-ctx.Done():
			return ctx.Err()
		}
		mu.Lock()
		defer mu.Unlock()
		times[string(m.Data)]++
		if times[string(m.Data)] == 1 {
			return errors.New("the first attempt fails")
		}
		done <- struct{}{}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range messages {
		publish(t, s, topic, fmt.Sprint(i))
	}
	for range 2 {
		<-entered // two at a time, none of which has ended
	}
	// The only durable consumer of the stream.
	info, err := js.PushConsumer(t.Context(), topic, durable("shop", topic))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.CachedInfo(); got.AckFloor.Stream != 0 || got.NumAckPending == 0 {
		t.Errorf("%d messages are acknowledged before one is handled; %d are not", got.AckFloor.Stream, got.NumAckPending)
	}
	close(open)
	for range messages {
		<-done
	}
	mu.Lock()
	defer mu.Unlock()
	for id, n := range times {
		if n != 2 {
			t.Errorf("message %s was handled %d times", id, n)
		}
	}
}
