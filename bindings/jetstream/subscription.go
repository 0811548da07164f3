package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/weftmesh/weft/mesh/delivery"
)

const (
	// pullExpires is how long the server keeps a request for events. Renewing
	// is all that an idle queue costs.
	pullExpires = 2 * time.Minute
	// pullGrace is how much later a request counts as lost.
	pullGrace = 5 * time.Second
	// drainWait bounds the wait for events on the way when a subscription
	// closes.
	drainWait = 2 * time.Second
)

// subscription pulls with credit: what the server owes by open requests and
// what has come and waits is never more than the caller last had room for.
type subscription struct {
	b     *Broker
	q     *queue
	sub   *nats.Subscription
	inbox string

	mu     sync.Mutex
	ready  []*nats.Msg
	owed   int // events that open requests may still bring
	asked  time.Time
	serial uint64
	err    error // why no more will come
	closed bool
	more   chan struct{} // wakes Fetch
}

// Subscribe implements delivery.Broker.
func (b *Broker) Subscribe(_ context.Context, queue string) (delivery.Subscription, error) {
	q, err := b.queue(queue)
	if err != nil {
		return nil, err
	}
	s := &subscription{b: b, q: q, inbox: b.nc.NewInbox(), more: make(chan struct{}, 1)}
	s.sub, err = b.nc.Subscribe(s.inbox+".*", s.receive)
	if err != nil {
		return nil, fmt.Errorf("queue %s: %w", queue, b.mean(err))
	}
	// The credit bounds what can wait here.
	if err := s.sub.SetPendingLimits(-1, -1); err != nil {
		return nil, fmt.Errorf("queue %s: %w", queue, b.mean(err))
	}
	b.mu.Lock()
	b.subs[s] = struct{}{}
	b.mu.Unlock()
	return s, nil
}

// receive takes events and the server's notices about requests.
func (s *subscription) receive(m *nats.Msg) {
	if m.Reply == "" || len(m.Data) == 0 && m.Header.Get("Status") != "" {
		s.notice(m)
		return
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		_ = m.Respond(nak)
		return
	}
	s.ready = append(s.ready, m)
	if s.owed > 0 {
		s.owed--
	}
	s.mu.Unlock()
	s.wake()
}

func (s *subscription) notice(m *nats.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m.Header.Get("Status") {
	case "100", "":
		return
	case "408", "404":
		// The request ran out with so many events not sent.
		n, err := strconv.Atoi(m.Header.Get("Nats-Pending-Messages"))
		if err != nil {
			n = s.owed
		}
		s.owed = max(0, s.owed-n)
	case "503":
		s.owed = 0
		s.err = fmt.Errorf("queue %s: it does not exist, or no server has it at present", s.q.name)
		s.b.missing()
	default:
		s.owed = 0
		s.err = fmt.Errorf("queue %s: %s", s.q.name, m.Header.Get("Description"))
		s.b.missing()
	}
	s.wake()
}

func (s *subscription) wake() {
	select {
	case s.more <- struct{}{}:
	default:
	}
}

// Fetch implements delivery.Subscription. One call at a time.
func (s *subscription) Fetch(ctx context.Context, most int) ([]delivery.Delivery, error) {
	if most < 1 {
		most = 1
	}
	lost := time.NewTimer(pullExpires + pullGrace)
	defer lost.Stop()
	for {
		s.mu.Lock()
		if len(s.ready) > 0 && ctx.Err() == nil {
			ms := s.take(most)
			s.mu.Unlock()
			if ds := s.deliveries(ctx, ms); len(ds) > 0 {
				return ds, nil
			}
			continue
		}
		err := s.ask(most)
		s.mu.Unlock()
		if err != nil {
			return nil, err
		}
		select {
		case <-s.more:
		case <-lost.C:
			s.forget()
			lost.Reset(pullExpires + pullGrace)
		case <-s.b.closed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take removes up to most waiting messages.
func (s *subscription) take(most int) []*nats.Msg {
	n := min(most, len(s.ready))
	ms := make([]*nats.Msg, n)
	copy(ms, s.ready)
	rest := copy(s.ready, s.ready[n:])
	clear(s.ready[rest:])
	s.ready = s.ready[:rest]
	return ms
}

// ask sends a request if the open ones bring less than half of what there is
// room for: under load a request then stands for many events.
func (s *subscription) ask(most int) error {
	if s.closed || s.b.isClosed() {
		return delivery.ErrClosed
	}
	if err := s.err; err != nil {
		s.err = nil
		return err
	}
	if s.owed >= (most+1)/2 {
		return nil
	}
	n := most - s.owed
	s.serial++
	req := make([]byte, 0, 64)
	req = append(req, `{"batch":`...)
	req = strconv.AppendInt(req, int64(n), 10)
	req = append(req, `,"expires":`...)
	req = strconv.AppendInt(req, int64(pullExpires), 10)
	req = append(req, '}')
	subject := s.b.opts.api() + "CONSUMER.MSG.NEXT." + s.q.stream + "." + consumerName
	reply := s.inbox + "." + strconv.FormatUint(s.serial, 10)
	if err := s.b.nc.PublishRequest(subject, reply, req); err != nil {
		return fmt.Errorf("queue %s: %w", s.q.name, s.b.mean(err))
	}
	s.owed += n
	s.asked = time.Now()
	return nil
}

// forget gives up open requests that should have ended by now: the server went
// away with them.
func (s *subscription) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.asked) >= pullExpires+pullGrace {
		s.owed = 0
	}
}

// deliveries makes deliveries of messages. One that is no event is taken off
// the queue and put with the dead letters, one that was acknowledged is only
// taken off.
func (s *subscription) deliveries(ctx context.Context, ms []*nats.Msg) []delivery.Delivery {
	ds := make([]delivery.Delivery, 0, len(ms))
	for _, m := range ms {
		d, err := s.b.newDelivery(ctx, s.q, m)
		switch {
		case err == nil:
			ds = append(ds, d)
		case errors.Is(err, errSettled):
			_ = m.Respond(ackMsg)
		case errors.Is(err, errNoEvent):
			s.b.refuse(ctx, s.q, m, err)
		default:
			s.b.log.Warn("event cannot be taken; it comes again", "queue", s.q.name, "error", err)
			_ = m.Respond(nakAfter(time.Second))
		}
	}
	return ds
}

// Close implements delivery.Subscription: what waits here and what is still on
// its way goes back to the queue.
func (s *subscription) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	ms := s.ready
	s.ready = nil
	s.mu.Unlock()
	s.b.mu.Lock()
	delete(s.b.subs, s)
	s.b.mu.Unlock()
	s.wake()
	for _, m := range ms {
		_ = m.Respond(nak)
	}
	gone := s.sub.StatusChanged(nats.SubscriptionClosed)
	if err := s.sub.Drain(); err != nil {
		if errors.Is(err, nats.ErrConnectionClosed) || errors.Is(err, nats.ErrBadSubscription) {
			return nil
		}
		return fmt.Errorf("queue %s: %w", s.q.name, s.b.mean(err))
	}
	timer := time.NewTimer(drainWait)
	defer timer.Stop()
	select {
	case <-gone:
	case <-timer.C:
	}
	return nil
}
