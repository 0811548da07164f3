package subscriptions

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/dapr/components-contrib/pubsub"
)

// taps holds the subscriptions in components that live in this process. Two
// generations of a mesh share such a component, which keeps what it has not
// delivered yet with the subscription: so the next generation takes over that of
// the one before, and a message comes neither twice nor not at all.
var taps = struct {
	sync.Mutex
	of map[tapKey]*tap
}{of: make(map[tapKey]*tap)}

// tapKey tells apart the subscriptions of functions in a component.
type tapKey struct {
	instance       pubsub.PubSub
	service, topic string
	raw            bool
}

// tap is a subscription whose messages go to one listener at a time.
type tap struct {
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	to      *listener
	changed chan struct{} // closes when to does
}

// linger is how long a subscription that was released waits for a listener of
// the next generation, which is starting at that moment.
const linger = time.Second

// tapInto has the messages of a subscription go to l from now on, unless a later
// generation has them already. release leaves
// the subscription to another listener, or to its end.
func (l *listener) tapInto(instance pubsub.PubSub, req pubsub.SubscribeRequest, w *want) (release func(), err error) {
	k := tapKey{instance, l.mem.f.Service, w.Topic, w.raw}
	taps.Lock()
	defer taps.Unlock()
	t := taps.of[k]
	if t == nil {
		t = &tap{to: l, changed: make(chan struct{})}
		t.ctx, t.cancel = context.WithCancel(context.Background())
		if err := instance.Subscribe(t.ctx, req, t.handle); err != nil {
			t.cancel()
			return nil, err
		}
		taps.of[k] = t
	} else if to, _ := t.target(); to.born < l.born {
		t.mu.Lock()
		t.to = l
		close(t.changed)
		t.changed = make(chan struct{})
		t.mu.Unlock()
	}
	return func() { time.AfterFunc(linger, func() { t.end(k, l) }) }, nil
}

// end ends the subscription if no other listener has taken it over from l.
func (t *tap) end(k tapKey, l *listener) {
	taps.Lock()
	defer taps.Unlock()
	if to, _ := t.target(); to == l {
		delete(taps.of, k)
		t.cancel()
	}
}

func (t *tap) target() (*listener, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.to, t.changed
}

// handle offers a message to the listener; one that stops leaves it to the next.
func (t *tap) handle(ctx context.Context, msg *pubsub.NewMessage) error {
	for {
		to, changed := t.target()
		err := to.offer(ctx, msg)
		if !errors.Is(err, errStopping) {
			return err
		}
		select {
		case <-changed:
		case <-t.ctx.Done():
			return err
		case <-ctx.Done():
			return err
		}
	}
}
