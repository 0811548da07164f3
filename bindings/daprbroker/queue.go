package daprbroker

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dapr/components-contrib/pubsub"
)

const (
	// linger is how long a queue goes on listening after the last subscription
	// has closed: a dispatcher closes its own for every pause it makes, and to
	// connect anew costs some components seconds.
	linger = 10 * time.Second
	// lackingMost is how long messages are held for want of room before they go
	// back and the queue stops to listen until there is: other engines may have
	// room. It is less than any component waits for a handler.
	lackingMost = 4 * time.Second
	// subscribeTimeout bounds the wait for a component's Subscribe. RabbitMQ's
	// gives up after a minute and must not be left to.
	subscribeTimeout = 25 * time.Second
	// Pauses after a queue's instance could not be opened.
	reconnectFirst = 200 * time.Millisecond
	reconnectMost  = 10 * time.Second
)

// queue is what a Broker knows about a declared queue. It listens to its topic
// with an instance of its own, so that a queue that has no room holds up no
// other.
type queue struct {
	b                     *Broker
	name, topic, consumer string
	room                  *room
	seen                  seen
	hands                 hands
	renewal, hurried      chan struct{}
	// stands and proving are of use where a server may forget a subscription;
	// proving is set while the queue listens to have it confirmed.
	stands  standing
	proving atomic.Bool

	mu    sync.Mutex
	users int
	rest  *time.Timer
	// stop ends the listening under way, nil if there is none; ended is closed
	// when the latest has ended.
	stop  context.CancelFunc
	ended chan struct{}
}

func newQueue(b *Broker, name string) *queue {
	q := &queue{b: b, name: name, topic: b.topic(name), consumer: b.consumer(name), renewal: make(chan struct{}, 1), hurried: make(chan struct{}, 1)}
	most := ahead
	if b.shared {
		most = math.MaxInt32 // who takes an event keeps it from nobody
	}
	q.room = newRoom(most, func(ctx context.Context) (int, error) {
		s, err := b.local.Stats(ctx, name)
		return s.Waiting, err
	})
	return q
}

// establish has the queue listen once, so that it exists at the server, and
// reports whether that worked. It goes on for a while without taking anything.
func (q *queue) establish(ctx context.Context) error {
	first := make(chan error, 1)
	q.mu.Lock()
	q.begin(first)
	q.mu.Unlock()
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.relax()
	}()
	select {
	case err := <-first:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// use has the queue listen, and take events, until as many leave as use it.
func (q *queue) use() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.users++
	if q.rest != nil {
		q.rest.Stop()
	}
	if q.users == 1 {
		q.room.set(true)
	}
	q.begin(nil)
}

func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.users--
	if q.users == 0 {
		q.room.set(false)
		q.relax()
	}
}

// relax ends the listening if nobody uses the queue for a while.
func (q *queue) relax() {
	if q.users > 0 || q.b.traits.inProcess {
		return
	}
	if q.rest != nil {
		q.rest.Stop()
	}
	wait := linger
	if q.b.traits.sessions {
		wait = 0 // to connect anew is cheap, and a new Broker may wait for the name
	}
	q.rest = time.AfterFunc(wait, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.users == 0 && q.stop != nil {
			q.stop()
			q.stop = nil
		}
	})
}

// begin starts to listen, if nobody does; first gets the outcome of the first
// attempt.
func (q *queue) begin(first chan<- error) {
	if q.stop != nil {
		if first != nil {
			first <- nil
		}
		return
	}
	ctx, cancel := context.WithCancel(q.b.ctx)
	before, ended := q.ended, make(chan struct{})
	q.stop, q.ended = cancel, ended
	started := q.b.background(func() {
		defer close(ended)
		defer cancel()
		if before != nil {
			<-before
		}
		q.listen(ctx, first)
	})
	if !started {
		cancel()
		close(ended)
		if first != nil {
			first <- errClosing
		}
	}
}

var errClosing = errors.New("the broker closes")

// renew has the queue's instance replaced.
func (q *queue) renew() {
	select {
	case q.renewal <- struct{}{}:
	default:
	}
}

// listen keeps the queue subscribed until ctx ends.
func (q *queue) listen(ctx context.Context, first chan<- error) {
	defer func() {
		if first != nil {
			first <- errClosing
		}
	}()
	for pause := reconnectFirst; ctx.Err() == nil; {
		began := time.Now()
		err := q.session(ctx, func() {
			if first != nil {
				first <- nil
				first = nil
			}
		})
		if first != nil {
			first <- err
			first = nil
		}
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errNoRoom):
			q.room.ample(ctx)
			err = nil
		}
		if err == nil {
			pause = reconnectFirst
			continue
		}
		if q.b.quiet.allow("listen " + q.name) {
			q.b.log.Warn("queue cannot be read from its component; will try on", "queue", q.name, "component", q.b.name, "tried", time.Since(began).Round(time.Millisecond), "error", err)
		}
		if time.Since(began) > reconnectMost {
			pause = reconnectFirst // it went well for a while
		}
		q.rests(ctx, pause)
		pause = min(2*pause, reconnectMost)
	}
}

// hurry ends the pause before the next attempt to listen, if there is one.
func (q *queue) hurry() {
	select {
	case q.hurried <- struct{}{}:
	default:
	}
}

// rests waits between attempts to listen.
func (q *queue) rests(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-q.hurried:
	case <-ctx.Done():
	}
}

// session subscribes with one instance, until ctx ends or the instance is to be
// replaced.
func (q *queue) session(ctx context.Context, ready func()) error {
	lost := make(chan error, 1)
	inst, err := q.b.connect(ctx, connection{consumer: q.consumer, settings: q.b.traits.consume, queue: q, lost: func(err error) { lost <- err }})
	if err != nil {
		return err
	}
	run, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		q.hands.wait()
		if q.b.traits.grace > 0 {
			time.Sleep(q.b.traits.grace)
		}
		if !inst.close() {
			q.b.log.Warn("component did not close in time", "component", q.b.name, "queue", q.name, "waited", closeWait)
		}
	}()
	subscribing := time.AfterFunc(subscribeTimeout, cancel)
	err = inst.Subscribe(run, pubsub.SubscribeRequest{Topic: q.b.subscribed(q.topic)}, q.receive)
	if !subscribing.Stop() && err == nil {
		err = context.DeadlineExceeded
	}
	if err != nil {
		return err
	}
	ready()
	tick := time.NewTicker(lackingMost / 2)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-q.renewal:
			return nil
		case err := <-lost:
			return err
		case <-tick.C:
			if q.room.lacking() >= lackingMost {
				return errNoRoom
			}
		}
	}
}

// errNoRoom ends a session that has messages in hand and no room for them.
var errNoRoom = errors.New("no room")

// hands counts the handlers under way.
type hands struct {
	mu   sync.Mutex
	n    int
	zero chan struct{}
}

func (h *hands) enter() {
	h.mu.Lock()
	h.n++
	h.mu.Unlock()
}

func (h *hands) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n--
	if h.n == 0 && h.zero != nil {
		close(h.zero)
		h.zero = nil
	}
}

// wait waits, for closeWait at most, until no handler is under way.
func (h *hands) wait() {
	h.mu.Lock()
	if h.n == 0 {
		h.mu.Unlock()
		return
	}
	if h.zero == nil {
		h.zero = make(chan struct{})
	}
	zero := h.zero
	h.mu.Unlock()
	timer := time.NewTimer(closeWait)
	defer timer.Stop()
	select {
	case <-zero:
	case <-timer.C:
	}
}

// sleep waits, and reports whether ctx was still on by then.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
