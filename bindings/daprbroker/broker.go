package daprbroker

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"golang.org/x/sync/errgroup"

	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/mesh/delivery"
)

// Options of Open. PubSub and Local are required.
type Options struct {
	// PubSub carries the events.
	PubSub *components.PubSub
	// Local keeps what a pub/sub component cannot: events that were taken from
	// it, dead letters, the identities of events for the dedup window, shared
	// state. It is the engine's embedded broker, is used with the same names of
	// queues, and stays open when the Broker closes.
	Local delivery.Broker
	// Shared says that Local is one for all engines of the mesh, as a JetStream
	// server is. Then events are taken as they come: they wait for nobody in
	// particular, and who took them may go.
	Shared bool
	// Dir is the engine's data directory, which no other engine of the mesh on
	// this machine has. Servers that keep a session for each engine know it by
	// machine and directory: an engine whose data was removed has the session of
	// the one before, and so what waits in it. With "" the name is drawn.
	Dir string
	// Namespace and Mesh name topics: DNS labels.
	Namespace, Mesh string
	// Logger; slog.Default() if nil.
	Logger *slog.Logger
}

// Broker implements delivery.Broker on a pub/sub component.
type Broker struct {
	name, typ       string // of the component
	namespace, mesh string
	engine          string // tells this engine from others that use the component
	traits          traits
	open            connector
	local           delivery.Broker
	shared          bool // local is one for all engines
	log             *slog.Logger
	quiet           quiet
	publisher       *publisher
	// joined counts the connections made to publish by, where that matters.
	joined atomic.Uint64
	// waiters are publishes that wait for their event to be stored, by copy,
	// where the component lives in this process.
	waiters sync.Map

	// ctx ends when the Broker closes; done is closed then.
	ctx    context.Context
	cancel context.CancelFunc
	done   <-chan struct{}

	mu     sync.Mutex
	queues map[string]*queue
	closed bool
	tasks  sync.WaitGroup

	declaring sync.Mutex
}

var _ delivery.Broker = (*Broker)(nil)

// fitter is a Local that tells whether it would ever take an event.
type fitter interface{ Fits(e *event.Event) error }

// Open returns a Broker on a pub/sub component. The component must be reachable.
func Open(ctx context.Context, o Options) (delivery.Broker, error) {
	if o.PubSub == nil || o.Local == nil || o.Namespace == "" || o.Mesh == "" {
		return nil, errors.New("a broker on a pub/sub component needs the component, a local broker, a namespace and a mesh")
	}
	b := newBroker(o, o.PubSub.Name, o.PubSub.Type)
	b.open = b.connectTo(o.PubSub)
	if err := b.start(ctx, o.Dir); err != nil {
		return nil, err
	}
	return b, nil
}

func newBroker(o Options, name, typ string) *Broker {
	b := &Broker{
		name: name, typ: typ, namespace: o.Namespace, mesh: o.Mesh, traits: traitsOf(typ),
		local: o.Local, shared: o.Shared, log: o.Logger, queues: make(map[string]*queue),
	}
	if b.log == nil {
		b.log = slog.Default()
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.done = b.ctx.Done()
	return b
}

// start opens the instance that publishes.
func (b *Broker) start(ctx context.Context, dir string) error {
	var err error
	if b.engine, err = engineID(ctx, b.local.Shared(), dir); err == nil {
		b.publisher, err = newPublisher(ctx, b)
	}
	if err != nil {
		b.cancel()
	}
	return err
}

// connect opens an instance of the component.
func (b *Broker) connect(ctx context.Context, c connection) (*instance, error) {
	listens := c.queue != nil
	if !listens {
		c.consumer = b.consumer("publisher")
	}
	if b.traits.sessions {
		// No two connections may have the same name.
		c.consumer += "_" + b.engine
		if listens {
			s := &session{b: b, id: c.consumer, stands: &c.queue.stands, lost: c.lost}
			return &instance{PubSub: s, release: s.Close}, nil
		}
		return b.line(ctx, c)
	}
	if b.traits.streams {
		c.settings = append(slices.Clone(c.settings),
			setting{name: "durableName", value: c.consumer, must: true}, setting{name: "queueGroupName", value: c.consumer, must: true})
	}
	return b.open(ctx, c)
}

// line opens what publishes to an MQTT server. The component is opened as well:
// it checks its metadata, and whether the server is there.
func (b *Broker) line(ctx context.Context, c connection) (*instance, error) {
	id, tell := c.consumer, c.props
	c.consumer += "_" + rand.Text()[:8]
	var props map[string]string
	c.props = func(p map[string]string) {
		props = p
		tell(p)
	}
	inst, err := b.open(ctx, c)
	if err != nil {
		return nil, err
	}
	l := newLine(b, id, props)
	if _, err := l.connected(ctx); err != nil {
		return nil, errors.Join(err, inst.release())
	}
	return &instance{PubSub: l, release: func() error { return errors.Join(l.Close(), inst.release()) }}, nil
}

func (b *Broker) topic(queue string) string { return topicOf(b.namespace, b.mesh, queue) }

func (b *Broker) consumer(queue string) string { return consumerOf(b.namespace, b.mesh, queue) }

// subscribed is the topic as it is subscribed to: MQTT names a group there.
func (b *Broker) subscribed(topic string) string {
	if b.traits.sessions {
		return "$share/weft/" + topic
	}
	return topic
}

// Declare implements delivery.Broker. A queue exists at the component's server
// once it was declared, too.
func (b *Broker) Declare(ctx context.Context, queues ...string) error {
	b.declaring.Lock()
	defer b.declaring.Unlock()
	if b.ctx.Err() != nil {
		return delivery.ErrClosed
	}
	if err := b.local.Declare(ctx, queues...); err != nil {
		return err
	}
	if b.traits.streams && len(queues) > 0 {
		if err := b.ensureStream(ctx, b.publisher.metadata(), queues); err != nil {
			return fmt.Errorf("component %s (%s): %w", b.name, b.typ, err)
		}
	}
	var g errgroup.Group
	g.SetLimit(8)
	for _, name := range slices.Compact(slices.Sorted(slices.Values(queues))) {
		if _, err := b.queue(name); err == nil {
			continue
		}
		g.Go(func() error {
			q := newQueue(b, name)
			if b.traits.standing || b.traits.inProcess {
				if err := q.establish(ctx); err != nil {
					return fmt.Errorf("queue %s: topic %s of component %s (%s): %w", name, q.topic, b.name, b.typ, err)
				}
			}
			b.mu.Lock()
			b.queues[name] = q
			b.mu.Unlock()
			return nil
		})
	}
	return g.Wait()
}

func (b *Broker) queue(name string) (*queue, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if q := b.queues[name]; q != nil {
		return q, nil
	}
	return nil, fmt.Errorf("queue %s: %w", name, delivery.ErrNotFound)
}

func (b *Broker) all() []*queue {
	b.mu.Lock()
	defer b.mu.Unlock()
	qs := make([]*queue, 0, len(b.queues))
	for _, q := range b.queues {
		qs = append(qs, q)
	}
	return qs
}

// Publish implements delivery.Broker. It returns nil once the component says
// that its server has the event; where the component lives in this process, once
// Local has it.
func (b *Broker) Publish(ctx context.Context, queue string, e *event.Event) error {
	if b.ctx.Err() != nil {
		return delivery.ErrClosed
	}
	q, err := b.queue(queue)
	if err != nil {
		return err
	}
	way, no, err := travelling(queue, e, time.Now())
	if err != nil {
		return err
	}
	if f, ok := b.local.(fitter); ok {
		if err := f.Fits(way); err != nil {
			return err
		}
	}
	data, err := marshal(way)
	if err != nil {
		return err
	}
	if !b.traits.inProcess {
		return b.publisher.publish(ctx, q.topic, data)
	}
	stored := make(chan error, 1)
	b.waiters.Store(no, stored)
	defer b.waiters.Delete(no)
	if err := b.publisher.publish(ctx, q.topic, data); err != nil {
		return err
	}
	select {
	case err := <-stored:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-b.done:
		return delivery.ErrClosed
	}
}

// Stats implements delivery.Broker: it counts what is in Local. What waits in
// the component is not known; up to 64 events are taken ahead, so that Waiting
// tells an empty queue from one that is not while a dispatcher is subscribed.
func (b *Broker) Stats(ctx context.Context, queue string) (delivery.Stats, error) {
	if _, err := b.queue(queue); err != nil {
		return delivery.Stats{}, err
	}
	return b.local.Stats(ctx, queue)
}

// DeadLetters implements delivery.Broker: they are Local's.
func (b *Broker) DeadLetters() delivery.DeadLetters { return b.local.DeadLetters() }

// Shared implements delivery.Broker: the dispatchers of one engine share state,
// those of several do not.
func (b *Broker) Shared() delivery.Shared { return b.local.Shared() }

// background runs fn until the Broker closes, which waits for it; false if it
// has.
func (b *Broker) background(fn func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.tasks.Go(fn)
	return true
}

// Close implements delivery.Broker. What was taken from the component stays in
// Local, what was not goes back.
func (b *Broker) Close() error {
	b.mu.Lock()
	was := b.closed
	b.closed = true
	b.mu.Unlock()
	if was {
		b.tasks.Wait()
		return nil
	}
	b.cancel()
	b.tasks.Wait()
	b.publisher.close()
	return nil
}

// quiet keeps a message from filling the log: each at most once a minute.
type quiet struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func (q *quiet) allow(key string) bool {
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if t, ok := q.last[key]; ok && now.Sub(t) < time.Minute {
		return false
	}
	if q.last == nil {
		q.last = make(map[string]time.Time)
	}
	q.last[key] = now
	return true
}
