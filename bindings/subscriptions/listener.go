package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dapr/components-contrib/pubsub"
)

// How long to wait before a component is asked again for a subscription that it
// refused: its server may be down.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// settle is how long a component gets to send on what became of the last
// messages before its subscription ends (daprd's own pause).
const settle = 400 * time.Millisecond

// listener is a subscription of a function in a component.
type listener struct {
	m      *Manager
	mem    *member
	number int
	born   int64
	want   atomic.Pointer[want]
	// deliver brings a message to whoever subscribes.
	deliver func(context.Context, *message) error

	ctx    context.Context
	cancel context.CancelFunc
	// done closes when nothing subscribes any more.
	done       chan struct{}
	gate       gate
	subscribed atomic.Bool
	stopping   sync.Once
	told       limiter
	counts     counts
}

// births orders listeners and inlets by age, over all managers: of two that want
// what only one can have, the younger gets it.
var births atomic.Int64

// newListener makes one that does not subscribe yet.
func (m *Manager) newListener(mem *member, w *want, deliver func(context.Context, *message) error) *listener {
	l := &listener{m: m, mem: mem, deliver: deliver, born: births.Add(1), done: make(chan struct{})}
	l.want.Store(w)
	l.ctx, l.cancel = context.WithCancel(context.Background())
	m.mu.Lock()
	m.numbers++
	l.number = m.numbers
	m.mu.Unlock()
	return l
}

// once subscribes without a second attempt. Without an error, the subscription
// holds until stop.
func (l *listener) once() error {
	release, err := l.subscribe(l.want.Load())
	if err != nil {
		l.cancel()
		close(l.done)
		return err
	}
	go func() {
		defer close(l.done)
		l.hold(release)
	}()
	return nil
}

// hold keeps a subscription until the listener stops.
func (l *listener) hold(release func()) {
	l.subscribed.Store(true)
	<-l.ctx.Done()
	l.subscribed.Store(false)
	release()
}

// run subscribes, and tries again while the component refuses.
func (l *listener) run() {
	defer close(l.done)
	w := l.want.Load()
	log := l.m.log.With("function", l.mem.f.Name, "pubsub", w.PubSub, "topic", w.Topic)
	since := time.Now()
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		release, err := l.subscribe(w)
		if err == nil {
			if pause > firstRetry {
				log.Info("subscribed after all", "after", time.Since(since).Round(time.Millisecond))
			} else {
				log.Debug("subscribed")
			}
			l.hold(release)
			return
		}
		if l.ctx.Err() != nil {
			return
		}
		if pause == firstRetry {
			log.Warn("not subscribed yet: the component refuses, it is tried again until it does not", "error", err.Error())
		} else {
			log.Debug("still not subscribed", "error", err.Error())
		}
		select {
		case <-l.ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// subscribe makes one attempt. release ends the hold on the component.
func (l *listener) subscribe(w *want) (release func(), err error) {
	ctx, cancel := context.WithCancel(l.ctx)
	var closing func() error
	letGo := func() {
		cancel()
		if closing == nil {
			return
		}
		if err := closing(); err != nil {
			l.m.log.Warn("a pub/sub component did not close", "function", l.mem.f.Name, "pubsub", w.PubSub, "error", err.Error())
		}
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the component panicked: %v", p)
		}
		if err != nil {
			release = nil
			letGo()
		}
	}()
	ps := l.m.pubsub(l.mem.f, w.PubSub)
	if ps == nil {
		return nil, fmt.Errorf("pub/sub component %s is not open", w.PubSub)
	}
	instance, closing, err := ps.Consumer(ctx, l.mem.f.Service)
	if err != nil {
		return nil, err
	}
	req := pubsub.SubscribeRequest{Topic: w.Topic, Metadata: w.Metadata}
	switch {
	case w.bulk != nil:
		err = l.subscribeBulk(ctx, instance, req, w)
	case w.Type != typeStreaming && instance == ps.Publisher():
		// One that lives in this process.
		var untap func()
		if untap, err = l.tapInto(instance, req, w); err == nil {
			return func() { untap(); letGo() }, nil
		}
	default:
		err = instance.Subscribe(ctx, req, l.handle)
	}
	return letGo, err
}

// stop takes no more messages, waits for those under way, and ends the
// subscription. It may be called more than once.
func (l *listener) stop() {
	l.stopping.Do(func() {
		<-l.gate.shut()
		if rest := settle - l.gate.quiet(); rest > 0 {
			select {
			case <-time.After(rest):
			case <-l.done:
			}
		}
		l.cancel()
		<-l.done
	})
}

// handle is what the component calls with each message. An error has the
// component bring it again.
func (l *listener) handle(ctx context.Context, msg *pubsub.NewMessage) error {
	err := l.offer(ctx, msg)
	if errors.Is(err, errStopping) {
		return l.giveBack(ctx)
	}
	return err
}

// offer delivers a message. errStopping says that it was not delivered because
// the subscription ends.
func (l *listener) offer(ctx context.Context, msg *pubsub.NewMessage) (err error) {
	if msg == nil {
		return nil
	}
	if !l.gate.enter() {
		return errStopping
	}
	defer l.gate.leave()
	defer l.guard(&err)
	if err = l.take(ctx, msg); err != nil && l.gate.isShut() {
		return errStopping
	}
	return err
}

// giveBack holds a message that came too late until the subscription ends: an
// error at once would count as a failure of the message with some brokers.
func (l *listener) giveBack(ctx context.Context) error {
	select {
	case <-ctx.Done():
	case <-l.ctx.Done():
	}
	return errStopping
}

// errStopping goes back to a component with what was not delivered because the
// subscription ends.
var errStopping = errors.New("the subscription ends")

// guard turns a panic into an error.
func (l *listener) guard(err *error) {
	if p := recover(); p != nil {
		w := l.want.Load()
		l.m.log.Error("delivering a message panicked", "function", l.mem.f.Name, "pubsub", w.PubSub, "topic", w.Topic,
			"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		*err = fmt.Errorf("delivering a message of topic %s panicked: %v", w.Topic, p)
	}
}
