package daprbroker

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/dapr/components-contrib/pubsub"
	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/bindings/jetstream"
	"github.com/weftmesh/weft/mesh/delivery"
)

// fake is a component that does what a test says.
type fake struct {
	pubsub.PubSub
	publish func(c connection) error

	mu       sync.Mutex
	opened   []connection
	released int
	handlers map[string]pubsub.Handler
	listen   chan struct{} // gets something for each Subscribe
}

type fakeInstance struct {
	*fake
	c connection
}

func (f *fake) connect(_ context.Context, c connection) (*instance, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened = append(f.opened, c)
	return &instance{PubSub: &fakeInstance{f, c}, release: func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.released++
		return nil
	}}, nil
}

func (f *fakeInstance) Publish(context.Context, *pubsub.PublishRequest) error {
	if f.publish == nil {
		return nil
	}
	return f.publish(f.c)
}

func (f *fakeInstance) Subscribe(_ context.Context, req pubsub.SubscribeRequest, h pubsub.Handler) error {
	f.mu.Lock()
	f.handlers[req.Topic] = h
	f.mu.Unlock()
	f.listen <- struct{}{}
	return nil
}

// deliver hands a message to who listens to the queue q.
func (f *fake) deliver(ctx context.Context, data []byte) error {
	f.mu.Lock()
	h := f.handlers["weft.default.shop.q"]
	f.mu.Unlock()
	return h(ctx, &pubsub.NewMessage{Data: data})
}

// fakeBroker is a Broker with queue q on a fake of that type.
func fakeBroker(t *testing.T, typ string, maxEvent int) (*Broker, *fake) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	local, err := jetstream.Start(t.Context(), jetstream.Options{Dir: t.TempDir(), Namespace: "default", Mesh: "shop", MaxEvent: maxEvent, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = local.Close() })
	f := &fake{handlers: make(map[string]pubsub.Handler), listen: make(chan struct{}, 100)}
	b := newBroker(Options{Local: local, Namespace: "default", Mesh: "shop", Logger: log}, "bus", typ)
	b.open = f.connect
	if err := b.start(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	if err := b.Declare(t.Context(), "q"); err != nil {
		t.Fatal(err)
	}
	return b, f
}

// message is e as it travels.
func message(t *testing.T, e *event.Event) []byte {
	t.Helper()
	way, _, err := travelling("q", e, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	data, err := marshal(way)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestUnconfirmed: what RabbitMQ's component calls published and only logs not to
// be confirmed is not published.
func TestUnconfirmed(t *testing.T) {
	b, f := fakeBroker(t, "pubsub.rabbitmq", 0)
	f.publish = func(c connection) error {
		h := listener{slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelError + 1}), c.logged}
		slog.New(h).Error("rabbitmq pub/sub: publishing to q failed: did not receive confirmation of publishing")
		return nil
	}
	if err := b.Publish(t.Context(), "q", plainEvent("a", "/s")); err == nil {
		t.Error("it counts as published")
	}
	f.publish = nil
	if err := b.Publish(t.Context(), "q", plainEvent("a", "/s")); err != nil {
		t.Error(err)
	}
}

// TestLanes: publishes do not wait for each other where the component would have
// them, and instances are used again.
func TestLanes(t *testing.T) {
	b, f := fakeBroker(t, "pubsub.rabbitmq", 0)
	most := rabbitmqTraits.lanes
	began, finish := make(chan struct{}, 2*most), make(chan struct{})
	f.publish = func(connection) error {
		began <- struct{}{}
		<-finish
		return nil
	}
	var all sync.WaitGroup
	for range 2 * most {
		all.Go(func() {
			if err := b.Publish(t.Context(), "q", plainEvent("a", "/s")); err != nil {
				t.Error(err)
			}
		})
	}
	for range most {
		<-began
	}
	close(finish)
	all.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.opened) - 1; n != most { // one listens
		t.Errorf("%d instances publish, want %d", n, most)
	}
}

// TestPublishGivesUp: a component that does not answer holds up its caller for no
// longer than the caller waits.
func TestPublishGivesUp(t *testing.T) {
	b, f := fakeBroker(t, "pubsub.redis", 0)
	finish, began := make(chan struct{}), make(chan struct{})
	f.publish = func(connection) error { close(began); <-finish; return nil }
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	if err := b.Publish(ctx, "q", plainEvent("a", "/s")); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	close(finish)
}

// TestReopen: an instance that brought nothing but failures for a while is
// replaced, and so are those that listen.
func TestReopen(t *testing.T) {
	b, f := fakeBroker(t, "pubsub.redis", 0)
	sub, err := b.Subscribe(t.Context(), "q")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sub.Close() }()
	<-f.listen
	f.publish = func(connection) error { return errors.New("connection closed") }
	if err := b.Publish(t.Context(), "q", plainEvent("a", "/s")); err == nil || !strings.Contains(err.Error(), "topic weft.default.shop.q of component bus") {
		t.Fatalf("%v, want an error that names topic and component", err)
	}
	l := b.publisher.lanes[0]
	l.mu.Lock()
	l.failing = time.Now().Add(-2 * reopenAfter)
	l.mu.Unlock()
	_ = b.Publish(t.Context(), "q", plainEvent("a", "/s"))
	<-f.listen
}

func TestReceive(t *testing.T) {
	big := plainEvent("big", "/s")
	big.SetDataContentType("text/plain")
	big.DataEncoded = []byte(strings.Repeat("x", 200<<10))
	once := message(t, plainEvent("once", "/s"))
	cases := map[string]struct {
		reason  string
		deliver [][]byte
		queue   []string
		dead    string // in the error of the dead letter
	}{
		"Event":   {"an event goes to Local's queue", [][]byte{once}, []string{"once"}, ""},
		"Again":   {"a message that comes again does not", [][]byte{once, once}, []string{"once"}, ""},
		"Twice":   {"nor does an event that was published twice", [][]byte{message(t, plainEvent("a", "/s")), message(t, plainEvent("a", "/s"))}, []string{"a"}, ""},
		"Foreign": {"what is no event is a dead letter", [][]byte{[]byte("hello")}, nil, "is not an event of this mesh"},
		"Other":   {"nor are others' events ours", [][]byte{[]byte(`{"specversion":"1.0","id":"a","source":"/s","type":"t"}`)}, nil, "not published by Weft"},
		"Big":     {"what Local never takes is a dead letter without its data", [][]byte{message(t, big)}, nil, "204800 bytes of data are not kept"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b, f := fakeBroker(t, "pubsub.redis", 64<<10)
			sub, err := b.Subscribe(t.Context(), "q")
			if err != nil {
				t.Fatal(err)
			}
			<-f.listen
			for _, data := range tc.deliver {
				if err := f.deliver(t.Context(), data); err != nil {
					t.Fatal(err)
				}
			}
			var got []string
			for len(got) < len(tc.queue) {
				ds, err := sub.Fetch(t.Context(), 1)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, ds[0].Event().ID())
			}
			if diff := cmp.Diff(tc.queue, got); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
			dead, err := b.DeadLetters().List(t.Context(), "q", 0)
			if err != nil {
				t.Fatal(err)
			}
			if tc.dead == "" && len(dead) != 0 || tc.dead != "" && (len(dead) != 1 || !strings.Contains(dead[0].Error, tc.dead)) {
				t.Errorf("%s: dead letters %+v, want %q", tc.reason, dead, tc.dead)
			}
		})
	}
}

// TestRoom: handlers wait while enough is ahead of the dispatcher, go on as it
// takes events, and fail only when their context has ended.
func TestRoom(t *testing.T) {
	b, f := fakeBroker(t, "pubsub.redis", 0)
	sub, err := b.Subscribe(t.Context(), "q")
	if err != nil {
		t.Fatal(err)
	}
	<-f.listen
	handled := make(chan error, ahead+1)
	ctx, cancel := context.WithCancel(t.Context())
	for i := range ahead + 1 {
		data := message(t, plainEvent(string(rune('A'+i)), "/s"))
		go func() { handled <- f.deliver(ctx, data) }()
	}
	for range ahead {
		if err := <-handled; err != nil {
			t.Fatal(err)
		}
	}
	q, err := b.queue("q")
	if err != nil {
		t.Fatal(err)
	}
	q.room.mu.Lock()
	left := q.room.left
	q.room.mu.Unlock()
	if s, err := b.Stats(t.Context(), "q"); err != nil || s.Waiting != ahead || left != 0 {
		t.Errorf("%+v, room for %d more, %v; want %d waiting and none", s, left, err, ahead)
	}
	if _, err := sub.Fetch(t.Context(), 10); err != nil {
		t.Fatal(err)
	}
	if err := <-handled; err != nil {
		t.Errorf("with room again: %v", err)
	}

	// No subscription, no room.
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	late := message(t, plainEvent("late", "/s"))
	go func() { handled <- f.deliver(ctx, late) }()
	cancel()
	if err := <-handled; !errors.Is(err, errBack) {
		t.Errorf("without a subscription: %v, want it given back", err)
	}
}

// TestStanding: a queue that exists at its server only when someone has
// subscribed does so once it is declared.
func TestStanding(t *testing.T) {
	_, f := fakeBroker(t, "pubsub.rabbitmq", 0)
	select {
	case <-f.listen:
	default:
		t.Error("the queue was declared and nobody subscribed")
	}
}

// TestClosed: a Broker that is closed has given everything back.
func TestClosed(t *testing.T) {
	b, f := fakeBroker(t, "pubsub.redis", 0)
	if _, err := b.Subscribe(t.Context(), "q"); err != nil {
		t.Fatal(err)
	}
	<-f.listen
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.released != len(f.opened) {
		t.Errorf("%d of %d instances were released", f.released, len(f.opened))
	}
	if err := b.Declare(t.Context(), "p"); !errors.Is(err, delivery.ErrClosed) {
		t.Errorf("declare: %v, want ErrClosed", err)
	}
	if _, err := b.Subscribe(t.Context(), "q"); !errors.Is(err, delivery.ErrClosed) {
		t.Errorf("subscribe: %v, want ErrClosed", err)
	}
}
