package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/weftmesh/weft/mesh/delivery"
)

const (
	// consumerName of every queue's one durable consumer.
	consumerName = "dispatcher"
	// ackWait is how long the server waits for a sign of life of an event that
	// it handed out.
	ackWait = 3 * delivery.ProgressInterval
)

// Broker implements delivery.Broker. The queues of one mesh may be used by
// many Brokers at once.
type Broker struct {
	nc    *nats.Conn
	js    js.JetStream
	opts  Options
	names names
	log   *slog.Logger

	// unwell is why nothing can be stored at present, nil if all is well.
	unwell atomic.Pointer[error]

	// lost tells the watch that something was missing at the server, and ailing
	// is why it could not be mended, nil if all is well; nil and unused where the
	// server is ours.
	lost   chan struct{}
	ailing atomic.Pointer[error]
	// fresh are the streams that the watch, which alone uses it, made and has not
	// looked at since.
	fresh []string

	// logs opens the log of acknowledged events of a stream; nil for none.
	logs func(stream string) (*ackLog, error)

	// declaring is held while queues are declared.
	declaring sync.Mutex

	mu     sync.Mutex
	queues map[string]*queue
	// open subscriptions.
	subs   map[*subscription]struct{}
	closed chan struct{}
	once   sync.Once

	dead  *deadLetters
	state *state
	clean *janitor
	files *syncer // nil where syncing is not ours
}

var _ delivery.Broker = (*Broker)(nil)

// queue is what a Broker knows about a declared queue.
type queue struct {
	name, stream, subject string
	consumer              js.Consumer
	attempts              attempts
	// acked knows what the last run acknowledged; nil if the stream keeps
	// that.
	acked *ackLog
	// recent knows what the queue took lately; nil if the server does.
	recent *recent
	// lastAck is where the latest acknowledgement went.
	lastAck atomic.Pointer[string]
}

// Connect uses the server at the other end of nc, which must have JetStream.
// Close leaves nc open.
func Connect(ctx context.Context, nc *nats.Conn, opts Options) (*Broker, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	b, err := newBroker(ctx, nc, opts, nil, nil)
	if err != nil {
		return nil, err
	}
	b.lost = make(chan struct{}, 1)
	go b.watch()
	return b, nil
}

func newBroker(ctx context.Context, nc *nats.Conn, opts Options, files *syncer, logs func(stream string) (*ackLog, error)) (*Broker, error) {
	j, err := js.NewWithAPIPrefix(nc, strings.TrimSuffix(opts.api(), "."))
	if err != nil {
		return nil, fmt.Errorf("jetstream: %w", err)
	}
	b := &Broker{
		nc: nc, js: j, opts: opts, names: opts.names(), log: opts.Logger, files: files, logs: logs,
		queues: make(map[string]*queue), subs: make(map[*subscription]struct{}), closed: make(chan struct{}),
	}
	b.clean = newJanitor(b)
	if b.dead, err = newDeadLetters(ctx, b); err != nil {
		return nil, err
	}
	if b.state, err = newState(ctx, b); err != nil {
		return nil, err
	}
	go b.clean.run()
	return b, nil
}

// Declare implements delivery.Broker.
func (b *Broker) Declare(ctx context.Context, queues ...string) error {
	b.declaring.Lock()
	defer b.declaring.Unlock()
	queues = slices.Compact(slices.Sorted(slices.Values(queues)))
	var g errgroup.Group
	g.SetLimit(4)
	for _, name := range queues {
		if !plainToken(name) {
			return fmt.Errorf("queue %q: a name is letters, digits, hyphens and underscores", name)
		}
		b.mu.Lock()
		known := b.queues[name] != nil
		b.mu.Unlock()
		if known {
			continue
		}
		g.Go(func() error {
			q, err := b.declare(ctx, name)
			if err != nil {
				return fmt.Errorf("queue %s: %w", name, b.mean(err))
			}
			b.mu.Lock()
			b.queues[name] = q
			b.mu.Unlock()
			return nil
		})
	}
	return g.Wait()
}

func (b *Broker) declare(ctx context.Context, name string) (*queue, error) {
	q := &queue{name: name, stream: b.names.queueStream(name), subject: b.names.queueSubject(name)}
	window := b.opts.DedupWindow
	if b.logs != nil {
		window = serverWindow
	}
	stream, err := b.ensureStream(ctx, js.StreamConfig{
		Name:       q.stream,
		Subjects:   []string{q.subject},
		Retention:  js.LimitsPolicy,
		Discard:    js.DiscardNew,
		MaxBytes:   b.opts.MaxBytes,
		Duplicates: window,
	})
	if err != nil {
		return nil, err
	}
	q.consumer, err = stream.Consumer(ctx, consumerName)
	if errors.Is(err, js.ErrConsumerNotFound) {
		q.consumer, err = stream.CreateOrUpdateConsumer(ctx, js.ConsumerConfig{
			Durable:       consumerName,
			AckPolicy:     js.AckExplicitPolicy,
			AckWait:       b.opts.AckWait,
			MaxDeliver:    -1,
			MaxAckPending: -1,
			DeliverPolicy: js.DeliverAllPolicy,
		})
	}
	if err != nil {
		return nil, err
	}
	if err := b.state.loadAttempts(ctx, q); err != nil {
		return nil, err
	}
	if b.logs != nil {
		if q.acked, err = b.logs(q.stream); err != nil {
			return nil, err
		}
		if err = b.hear(ctx, q); err != nil {
			return nil, err
		}
	}
	return q, nil
}

// ensureStream creates a stream, or changes the fields that Weft sets.
func (b *Broker) ensureStream(ctx context.Context, cfg js.StreamConfig) (js.Stream, error) {
	cfg.Storage, cfg.Replicas, cfg.AllowDirect = js.FileStorage, b.opts.Replicas, b.opts.Replicas == 1
	s, err := b.js.Stream(ctx, cfg.Name)
	if errors.Is(err, js.ErrStreamNotFound) {
		return b.js.CreateStream(ctx, cfg)
	}
	if err != nil {
		return nil, err
	}
	is := s.CachedInfo().Config
	want := is
	want.Subjects, want.Discard, want.MaxBytes, want.Duplicates = cfg.Subjects, cfg.Discard, cfg.MaxBytes, cfg.Duplicates
	want.MaxMsgsPerSubject, want.AllowDirect = cfg.MaxMsgsPerSubject, cfg.AllowDirect
	if want.MaxBytes == 0 {
		want.MaxBytes = -1
	}
	if want.MaxMsgsPerSubject == 0 {
		want.MaxMsgsPerSubject = -1
	}
	if want.Duplicates == 0 {
		want.Duplicates = is.Duplicates
	}
	if reflect.DeepEqual(is, want) {
		return s, nil
	}
	return b.js.UpdateStream(ctx, want)
}

func (b *Broker) queue(name string) (*queue, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q := b.queues[name]; q != nil {
		return q, nil
	}
	return nil, fmt.Errorf("queue %s: %w", name, delivery.ErrNotFound)
}

// Error codes of the server's API that the client has no names for.
const (
	codeStoreFailed      = 10077
	codeMessageTooLarge  = 10054
	codeHeaderTooLarge   = 10097
	codeWrongLastSeq     = 10071
	codeWrongLastSeqKeep = 10164
	codeNotEnabled       = 10076
	codeInsufficient     = 10023
	codeStorageExceeded  = 10047
	codeUpdateFailed     = 10069
)

// mean translates an error of client or server into what delivery knows.
func (b *Broker) mean(err error) error {
	var api *js.APIError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &api):
		switch api.ErrorCode {
		case codeStoreFailed:
			if isFull(api.Description) {
				return delivery.ErrQueueFull
			}
			return fmt.Errorf("the event could not be stored (is the disk full?): %s", api.Description)
		case codeMessageTooLarge, codeHeaderTooLarge:
			return fmt.Errorf("%w: %s", delivery.ErrTooLarge, api.Description)
		case codeInsufficient, codeStorageExceeded, codeNotEnabled:
			return fmt.Errorf("the queues take nothing at present (is the disk full?): %s", api.Description)
		}
		return err
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: more than the server's %d bytes", delivery.ErrTooLarge, b.nc.MaxPayload())
	case errors.Is(err, nats.ErrNoResponders):
		b.missing()
		return fmt.Errorf("the queue does not exist or takes nothing at present: %w", err)
	case errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrConnectionDraining):
		return delivery.ErrClosed
	}
	return err
}

// isFull tells a queue at its bound from a disk that fails.
func isFull(description string) bool {
	return description == "maximum bytes exceeded" || description == "maximum messages exceeded" ||
		description == "maximum messages per subject exceeded"
}

// Stats implements delivery.Broker.
func (b *Broker) Stats(ctx context.Context, queue string) (delivery.Stats, error) {
	q, err := b.queue(queue)
	if err != nil {
		return delivery.Stats{}, err
	}
	s, stream, settled, err := b.count(ctx, q)
	if err == nil && s.Waiting+s.InFlight > 0 {
		if m, err := stream.GetMsg(ctx, settled+1, js.WithGetMsgSubject(q.subject)); err == nil {
			s.Oldest = m.Time
		}
	}
	return s, err
}

// count gives Stats but for Oldest; all up to the sequence settled are.
func (b *Broker) count(ctx context.Context, q *queue) (s delivery.Stats, stream js.Stream, settled uint64, err error) {
	info, err := q.consumer.Info(ctx)
	if err == nil {
		stream, err = b.js.Stream(ctx, q.stream)
	}
	if err != nil {
		return s, nil, 0, fmt.Errorf("queue %s: %w", q.name, b.mean(err))
	}
	// The consumer's own count of what is pending runs behind the stream.
	s.InFlight = info.NumAckPending
	// Nor does it always know that events it has not seen were purged: those
	// that were acknowledged before the last run was killed.
	st := stream.CachedInfo().State
	if seen := max(info.Delivered.Stream, st.FirstSeq-min(st.FirstSeq, 1)); st.LastSeq > seen {
		s.Waiting = int(st.LastSeq - seen) //nolint:gosec // a count
	}
	return s, stream, info.AckFloor.Stream, nil
}

// DeadLetters implements delivery.Broker.
func (b *Broker) DeadLetters() delivery.DeadLetters { return b.dead }

// Shared implements delivery.Broker.
func (b *Broker) Shared() delivery.Shared { return b.state }

// Close implements delivery.Broker.
func (b *Broker) Close() (err error) {
	b.once.Do(func() {
		close(b.closed)
		b.clean.stop()
		b.flush()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, q := range b.queues {
			q.recent.crash(delivery.ErrClosed)
			err = errors.Join(err, q.acked.close())
		}
	})
	return err
}

// flush waits until the server has worked off what was sent without waiting
// for an answer. It takes acknowledgements in order, so that it is enough to
// have one more answered, a heartbeat that changes nothing.
func (b *Broker) flush() {
	if !b.nc.IsConnected() {
		return // nobody answers: what was sent is known when the events come again
	}
	ctx, cancel := context.WithTimeout(context.Background(), flushWait)
	defer cancel()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, q := range b.queues {
		if last := q.lastAck.Load(); last != nil {
			_, _ = b.nc.RequestWithContext(ctx, *last, progress)
		}
	}
	_ = b.nc.FlushWithContext(ctx)
}

// flushWait bounds the wait for what is still to be written at the end.
const flushWait = 5 * time.Second

// interrupt makes open subscriptions ask for events anew: the server has
// forgotten what they asked for.
func (b *Broker) interrupt() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.subs {
		s.mu.Lock()
		s.owed = 0
		s.mu.Unlock()
		s.wake()
	}
}

func (b *Broker) isClosed() bool {
	select {
	case <-b.closed:
		return true
	default:
		return false
	}
}
