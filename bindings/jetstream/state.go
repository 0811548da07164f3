package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/weftmesh/weft/mesh/delivery"
)

// headerLastSeq makes a publish conditional: the subject's last message must
// be of that sequence, 0 for none.
const headerLastSeq = "Nats-Expected-Last-Subject-Sequence"

// state is the stream of small values: how many calls were made for failing
// events, and what dispatchers share. It implements delivery.Shared.
type state struct {
	b      *Broker
	stream js.Stream
}

func newState(ctx context.Context, b *Broker) (*state, error) {
	stream, err := b.ensureStream(ctx, js.StreamConfig{
		Name:              b.names.stateStream(),
		Subjects:          []string{b.names.subject + "_state.>"},
		MaxMsgsPerSubject: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", b.names.stateStream(), b.mean(err))
	}
	return &state{b: b, stream: stream}, nil
}

// last returns the newest message of a subject, nil if there is none.
func last(ctx context.Context, s js.Stream, subject string) (*js.RawStreamMsg, error) {
	m, err := s.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, js.ErrMsgNotFound) {
		return nil, nil
	}
	return m, err
}

// Get implements delivery.Shared.
func (s *state) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if err := checkKey(key); err != nil {
		return nil, 0, err
	}
	m, err := last(ctx, s.stream, s.b.names.shared(key))
	if m == nil || err != nil {
		return nil, 0, s.b.mean(err)
	}
	return m.Data, m.Sequence, nil
}

// Put implements delivery.Shared.
func (s *state) Put(ctx context.Context, key string, value []byte, revision uint64) (bool, error) {
	if err := checkKey(key); err != nil {
		return false, err
	}
	_, err := s.b.publish(ctx, &nats.Msg{
		Subject: s.b.names.shared(key), Data: value,
		Header: nats.Header{headerLastSeq: {strconv.FormatUint(revision, 10)}},
	})
	if wrongSequence(err) {
		return false, nil
	}
	return err == nil, err
}

// Watch implements delivery.Shared: the values that there are, then each
// change, by way of a plain subscription to the stream's subjects, so that it
// costs nothing while nothing changes.
func (s *state) Watch(ctx context.Context, fn func(key string, value []byte)) error {
	prefix := s.b.names.shared("")
	changes := make(chan *nats.Msg, 256)
	sub, err := s.b.nc.ChanSubscribe(prefix+">", changes)
	if err != nil {
		return s.b.mean(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	// Changes missed while the connection was down are caught up with.
	again := s.b.nc.StatusChanged(nats.CONNECTED)
	defer s.b.nc.RemoveStatusListener(again)
	for {
		if err := s.each(ctx, prefix+">", func(m *js.RawStreamMsg) {
			fn(strings.TrimPrefix(m.Subject, prefix), m.Data)
		}); err != nil {
			return s.b.mean(err)
		}
		for caughtUp := true; caughtUp; {
			select {
			case m := <-changes:
				fn(strings.TrimPrefix(m.Subject, prefix), m.Data)
			case <-again:
				caughtUp = false
			case <-s.b.closed:
				return delivery.ErrClosed
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// each shows every message whose subject matches.
func (s *state) each(ctx context.Context, filter string, fn func(*js.RawStreamMsg)) error {
	return eachMessage(ctx, s.stream, filter, func(m *js.RawStreamMsg) bool { fn(m); return true })
}

// eachMessage shows the messages whose subject matches, by sequence, until fn
// says false.
func eachMessage(ctx context.Context, s js.Stream, filter string, fn func(*js.RawStreamMsg) bool) error {
	for seq := uint64(1); ; {
		m, err := s.GetMsg(ctx, seq, js.WithGetMsgSubject(filter))
		if errors.Is(err, js.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if !fn(m) {
			return nil
		}
		seq = m.Sequence + 1
	}
}

// checkKey keeps keys within one subject: tokens with dots between.
func checkKey(key string) error {
	for t := range strings.SplitSeq(key, ".") {
		if !plainToken(t) {
			return fmt.Errorf("key %q: names of letters, digits, hyphens and underscores with dots between", key)
		}
	}
	return nil
}

func wrongSequence(err error) bool {
	var api *js.APIError
	return errors.As(err, &api) && (api.ErrorCode == codeWrongLastSeq || api.ErrorCode == codeWrongLastSeqKeep)
}

// attempts are the counts of one queue that this Broker knows. A count is up
// to date if the server handed the event out once since it was taken: then
// nobody else had it in between.
type attempts struct {
	mu    sync.Mutex
	known map[uint64]attempt
}

type attempt struct {
	count int
	// tries is how often the server had handed the event out at that time, 0
	// if unknown.
	tries uint64
	// seq of the message in the state stream.
	seq uint64
}

func (s *state) attemptsSubject(q *queue, seq uint64) string {
	return s.b.names.attempts(q.name) + strconv.FormatUint(seq, 10)
}

// loadAttempts reads the counts of a queue as the last run left them, and
// drops those of events that are gone.
func (s *state) loadAttempts(ctx context.Context, q *queue) error {
	info, err := q.consumer.Info(ctx)
	if err != nil {
		return err
	}
	prefix := s.b.names.attempts(q.name)
	known := make(map[uint64]attempt)
	err = s.each(ctx, prefix+"*", func(m *js.RawStreamMsg) {
		seq, err := strconv.ParseUint(strings.TrimPrefix(m.Subject, prefix), 10, 64)
		n, err2 := strconv.Atoi(string(m.Data))
		if err != nil || err2 != nil || seq <= info.AckFloor.Stream {
			_ = s.stream.DeleteMsg(ctx, m.Sequence)
			return
		}
		known[seq] = attempt{count: n, seq: m.Sequence}
	})
	q.attempts.mu.Lock()
	q.attempts.known = known
	q.attempts.mu.Unlock()
	return err
}

// attemptsOf returns the calls made for an event that the server has now
// handed out so many times.
func (s *state) attemptsOf(ctx context.Context, q *queue, seq, tries uint64) (int, error) {
	q.attempts.mu.Lock()
	a, ok := q.attempts.known[seq]
	q.attempts.mu.Unlock()
	if tries <= 1 && !ok {
		return 0, nil
	}
	if ok && a.tries+1 == tries {
		return a.count, nil
	}
	m, err := last(ctx, s.stream, s.attemptsSubject(q, seq))
	if err != nil {
		return 0, fmt.Errorf("attempts made: %w", s.b.mean(err))
	}
	if m == nil {
		return 0, nil
	}
	n, err := strconv.Atoi(string(m.Data))
	if err != nil {
		n = 0
	}
	q.attempts.mu.Lock()
	q.attempts.known[seq] = attempt{count: n, seq: m.Sequence}
	q.attempts.mu.Unlock()
	return n, nil
}

// putAttempts records a count durably.
func (s *state) putAttempts(ctx context.Context, q *queue, seq, tries uint64, n int) error {
	stored, err := s.b.publish(ctx, &nats.Msg{Subject: s.attemptsSubject(q, seq), Data: strconv.AppendInt(nil, int64(n), 10)})
	if err != nil {
		return err
	}
	q.attempts.mu.Lock()
	q.attempts.known[seq] = attempt{count: n, tries: tries, seq: stored}
	q.attempts.mu.Unlock()
	return nil
}

// dropAttempts forgets a count: the event is settled.
func (s *state) dropAttempts(ctx context.Context, q *queue, seq uint64) error {
	q.attempts.mu.Lock()
	a, ok := q.attempts.known[seq]
	delete(q.attempts.known, seq)
	q.attempts.mu.Unlock()
	if !ok {
		return nil
	}
	if err := s.stream.DeleteMsg(ctx, a.seq); err != nil && !errors.Is(err, js.ErrMsgNotFound) {
		// It is dropped at the next start, if not by then.
		s.b.log.Debug("count of attempts stays", "queue", q.name, "error", err)
	}
	return nil
}
