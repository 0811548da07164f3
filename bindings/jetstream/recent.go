package jetstream

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
)

// recent knows the ids of the events that a queue of the embedded server took
// within the dedup window, so that the server need not: it keeps 130 to 240
// bytes for each in memory, and this some 25. Nobody else writes to the queue.
//
// Two publishes of one id are one. The second waits for what the server answers
// to the first, though that one's caller may have gone: an event of which it is
// not known whether it was stored is not sent again before it is, or until the
// window is over.
type recent struct {
	window time.Duration
	// inbox is where the server answers: followed by the key.
	inbox string

	mu sync.Mutex
	// spans of the window, the newest first, each with the ids stored in it.
	// The first began at began.
	spans   [spans + 1]map[key]struct{}
	began   time.Time
	flights map[key]*flight
}

const (
	// spans is how many parts of the window there are. Ids go in one with
	// their part, so that they stay for a part longer than the window at most.
	spans = 5
	// serverWindow is the least that the server takes for a window of its own,
	// where it need not remember anything.
	serverWindow = 100 * time.Millisecond
	// recallBatch is how many ids are read at once, and recallWithin how long
	// that may take for all of them while the engine runs.
	recallBatch  = 1000
	recallWithin = time.Minute
)

// flight is a publish that is not answered yet.
type flight struct {
	began time.Time
	done  chan struct{} // closed when err is known
	err   error
}

func newRecent(window time.Duration, inbox string, now time.Time) *recent {
	return &recent{window: window, inbox: inbox, began: now, flights: make(map[key]*flight)}
}

// enter says what is to be done with an event: nothing if it is known (f is
// nil), send it (first), or wait for the one that was sent.
func (r *recent) enter(k key, now time.Time) (f *flight, first bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
	for _, ids := range r.spans {
		if _, ok := ids[k]; ok {
			return nil, false
		}
	}
	if f := r.flights[k]; f != nil && now.Sub(f.began) < r.window {
		return f, false
	}
	f = &flight{began: now, done: make(chan struct{})}
	r.flights[k] = f
	return f, true
}

// land ends a flight. What was stored is known from then on, even if nobody
// waits for it any more.
func (r *recent) land(k key, now time.Time, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.add(k, now)
	}
	if f := r.flights[k]; f != nil {
		delete(r.flights, k)
		f.err = err
		close(f.done)
	}
}

// crash ends all flights: their answers will not come. A nil recent has none.
func (r *recent) crash(err error) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for k, f := range r.flights {
		delete(r.flights, k)
		f.err = err
		close(f.done)
	}
}

// add notes an id. The lock is held.
func (r *recent) add(k key, now time.Time) {
	r.turn(now)
	if r.spans[0] == nil {
		r.spans[0] = make(map[key]struct{})
	}
	r.spans[0][k] = struct{}{}
}

// forget lets go of what is older than the window. A nil recent knows nothing.
func (r *recent) forget(now time.Time) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.turn(now)
}

// turn begins new spans as time goes on. The lock is held.
func (r *recent) turn(now time.Time) {
	part := r.window / spans
	for n := 0; n < len(r.spans) && now.Sub(r.began) >= part; n++ {
		copy(r.spans[1:], r.spans[:])
		r.spans[0] = nil
		r.began = r.began.Add(part)
	}
	if now.Sub(r.began) >= part {
		r.began = now
	}
}

// publishOnce stores a message of an embedded queue, unless the queue took one
// of the same id within the window.
func (b *Broker) publishOnce(ctx context.Context, q *queue, k key, msg *nats.Msg) error {
	if err := b.takes(); err != nil {
		return err
	}
	if q.acked.has(k) {
		return nil
	}
	f, first := q.recent.enter(k, time.Now())
	if f == nil {
		return nil
	}
	defer b.files.touch()
	if first {
		msg.Reply = q.recent.inbox + k.String()
		if err := b.nc.PublishMsg(msg); err != nil {
			q.recent.land(k, time.Now(), b.mean(err))
		}
	}
	bounded, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	select {
	case <-f.done:
		return f.err
	case <-bounded.Done():
		return b.unanswered(ctx, bounded.Err())
	}
}

// answered takes the server's answer to a publish.
func (b *Broker) answered(q *queue, m *nats.Msg) {
	k, ok := parseKey(m.Subject[len(q.recent.inbox):])
	if !ok {
		return
	}
	var err error
	if len(m.Data) == 0 && m.Header.Get("Status") == "503" {
		err = b.mean(nats.ErrNoResponders)
	} else {
		_, err = b.stored(m.Data)
	}
	q.recent.land(k, time.Now(), err)
}

// hear has a queue take the server's answers, and know the events that it
// holds from the window before now.
func (b *Broker) hear(ctx context.Context, q *queue) error {
	q.recent = newRecent(b.opts.DedupWindow, b.nc.NewInbox()+".", time.Now())
	sub, err := b.nc.Subscribe(q.recent.inbox+"*", func(m *nats.Msg) { b.answered(q, m) })
	if err != nil {
		return err
	}
	// Who publishes waits for an answer: there are as many as can come.
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return err
	}
	return b.recall(ctx, q)
}

// recall reads the ids of the events that the queue holds from the window
// before now. Those that were acknowledged and are gone the log knows.
func (b *Broker) recall(ctx context.Context, q *queue) error {
	stream, err := b.js.Stream(ctx, q.stream)
	if err != nil {
		return err
	}
	since := time.Now().Add(-b.opts.DedupWindow)
	if st := stream.CachedInfo().State; st.Msgs == 0 || st.LastTime.Before(since) {
		return nil
	}
	c, err := stream.CreateConsumer(ctx, js.ConsumerConfig{
		AckPolicy: js.AckNonePolicy, DeliverPolicy: js.DeliverByStartTimePolicy, OptStartTime: &since,
		HeadersOnly: true, MemoryStorage: true, InactiveThreshold: time.Minute,
	})
	if err != nil {
		return err
	}
	defer func() { _ = stream.DeleteConsumer(ctx, c.CachedInfo().Name) }() // it goes by itself, too
	for left := c.CachedInfo().NumPending; left > 0; {
		batch, err := c.Fetch(int(min(left, recallBatch)), js.FetchMaxWait(publishTimeout))
		if err != nil {
			return err
		}
		before := left
		for m := range batch.Messages() {
			left--
			k, ok := parseKey(m.Headers().Get(headerMsgID))
			if !ok {
				continue // not published by a Broker
			}
			q.recent.mu.Lock()
			q.recent.add(k, time.Now())
			q.recent.mu.Unlock()
		}
		if err := batch.Error(); err != nil {
			return err
		}
		if left == before {
			return fmt.Errorf("%d of its events could not be read", left)
		}
	}
	return nil
}
