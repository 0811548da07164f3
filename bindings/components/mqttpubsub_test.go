package components

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/dapr/components-contrib/pubsub"
)

// mqttSet opens the component and gives what publishes, and what subscribes as
// shop. end closes both.
func mqttSet(t *testing.T, out *locked) (publisher, consumer pubsub.PubSub, end func()) {
	t.Helper()
	s := open(t, Config{Logger: slog.New(slog.NewTextHandler(out, nil))}, fmt.Sprintf(`
    - {name: events, type: pubsub.mqtt3, metadata: [{name: url, value: "%s"}]}`, real(t, "WEFT_TEST_MQTT")))
	consumer, done, err := s.PubSub("events").Consumer(t.Context(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	return s.PubSub("events").Publisher(), consumer, func() {
		if err := errors.Join(done(), s.Close()); err != nil {
			t.Error(err)
		}
	}
}

// TestRealMQTTBacklog: what came while no one subscribed is handled and
// acknowledged, also when it is more than the server has in flight at a time, and
// sent before the subscription is there.
func TestRealMQTTBacklog(t *testing.T) {
	var out locked
	topic := unique()
	publisher, first, end := mqttSet(t, &out)
	ctx, leave := context.WithCancel(t.Context())
	got := listen(t, first, ctx, topic)
	publish(t, publisher, topic, "0")
	if m := <-got; m != "0" {
		t.Fatalf("it has %q", m)
	}
	leave()
	end()

	publisher, second, end := mqttSet(t, &out)
	const kept = 60
	for i := range kept {
		publish(t, publisher, topic, fmt.Sprint(i))
	}
	ctx, leave = context.WithCancel(t.Context())
	got, seen := listen(t, second, ctx, topic), make(map[string]int)
	for range kept {
		seen[<-got]++
	}
	if len(seen) != kept {
		t.Errorf("of %d messages %d came: %v", kept, len(seen), seen)
	}
	leave()
	end()

	publisher, third, end := mqttSet(t, &out)
	defer end()
	got = listen(t, third, t.Context(), topic)
	publish(t, publisher, topic, "last")
	for m := range got {
		if m == "last" {
			break
		}
		t.Errorf("%q comes again", m)
	}
	if strings.Contains(out.String(), "is lost") {
		t.Errorf("connections were lost:\n%s", out.String())
	}
}

// TestRealMQTTEngines: engines of one mesh publish side by side, and a subscription
// goes over from one generation to the next.
func TestRealMQTTEngines(t *testing.T) {
	var out locked
	topic := unique()
	one, before, endOne := mqttSet(t, &out)
	other, after, endOther := mqttSet(t, &out)
	defer endOther()
	ctx, leave := context.WithCancel(t.Context())
	got := listen(t, before, ctx, topic)
	for i := range 10 {
		publish(t, one, topic, fmt.Sprint("one ", i))
		publish(t, other, topic, fmt.Sprint("other ", i))
	}
	for range 20 {
		<-got
	}
	next := make(chan string, 64)
	subscribed := make(chan error)
	go func() {
		subscribed <- after.Subscribe(t.Context(), pubsub.SubscribeRequest{Topic: topic}, func(_ context.Context, m *pubsub.NewMessage) error {
			next <- string(m.Data)
			return nil
		})
	}()
	leave()
	if err := <-subscribed; err != nil {
		t.Fatal(err)
	}
	endOne()
	publish(t, other, topic, "after")
	for m := range next {
		if m == "after" {
			break
		}
	}
	if strings.Contains(out.String(), "is lost") {
		t.Errorf("they threw each other out:\n%s", out.String())
	}
}

// TestMQTTIDs: an id has one holder, who is asked for it when it does not let go.
func TestMQTTIDs(t *testing.T) {
	ids := &idHolders{holders: make(map[string]*idHolder)}
	closed := make(chan struct{})
	first, err := ids.enter(t.Context(), closed, "a", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ids.enter(t.Context(), closed, "b", time.Hour); err != nil {
		t.Errorf("another id: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ids.enter(ended, closed, "a", time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("one that gave up has %v", err)
	}
	select {
	case <-first.asked:
		t.Error("the holder is asked before its time")
	default:
	}
	entered := make(chan error)
	go func() {
		_, err := ids.enter(t.Context(), closed, "a", 0)
		entered <- err
	}()
	<-first.asked
	first.done()
	first.done()
	if err := <-entered; err != nil {
		t.Error(err)
	}
	close(closed)
	if _, err := ids.enter(t.Context(), closed, "a", time.Hour); !errors.Is(err, errBusClosed) {
		t.Errorf("a component that is closed has %v", err)
	}
}

// TestMQTTSettings: what the component cannot use is said when it opens.
func TestMQTTSettings(t *testing.T) {
	for name, c := range map[string]struct {
		reason, want string
		props        map[string]string
	}{
		"quality":  {reason: "MQTT has three", want: "metadata qos", props: map[string]string{"url": "mqtt://localhost", consumerID: "a", "qos": "3"}},
		"url":      {reason: "without the password in it", want: "metadata url", props: map[string]string{"url": "mqtt://u:hunter22@", consumerID: "a"}},
		"consumer": {reason: "sessions have names", want: "metadata consumerID", props: map[string]string{"url": "mqtt://localhost"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := newMQTT(&bridge{log: slog.New(slog.DiscardHandler)})
			md := pubsub.Metadata{}
			md.Properties = c.props
			err := p.Init(t.Context(), md)
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter22") {
				t.Errorf("%s: Init: %v", c.reason, err)
			}
		})
	}
}
