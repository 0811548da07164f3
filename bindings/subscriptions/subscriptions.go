package subscriptions

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"

	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/source"
)

// Functions calls the functions of a mesh, and wakes those at zero.
type Functions interface {
	// Do sends a request to f: method, path, query, headers and body count, the
	// host does not. The call takes no longer than f's timeout, from the wait
	// for a replica to the end of the answer, unless f is being debugged. The
	// caller closes the answer's body, which frees the place on the replica. What f
	// emitted is durable when there is an answer, and no part of it. A
	// *delivery.UnavailableError says that the function has no replica and none
	// will start without a change.
	Do(f *mesh.Function, r *http.Request) (*http.Response, error)
}

// Config of New. Plan, Components and Functions are required.
type Config struct {
	Plan       *mesh.Plan
	Components *components.Set
	// Declared are the Subscription documents beside the mesh.
	Declared  []source.Subscription
	Functions Functions
	// Logger; slog.Default() if nil.
	Logger *slog.Logger
}

// Manager keeps the subscriptions of one generation of a mesh. It is safe for
// concurrent use.
type Manager struct {
	cfg     Config
	log     *slog.Logger
	members []*member
	byName  map[string]*member
	inlets  map[string]*inlet

	// started closes when Run begins; stopping, and the context ending, end with
	// Run's: what is under way finishes, nothing new begins.
	started  chan struct{}
	stopping <-chan struct{}
	ending   context.Context
	end      context.CancelFunc

	mu        sync.Mutex
	numbers   int // of listeners, in the order of their making
	streaming map[*listener]bool
}

// New makes a Manager of what Check finds no fault with.
func New(cfg Config) (*Manager, error) {
	if cfg.Plan == nil || cfg.Components == nil || cfg.Functions == nil {
		return nil, errors.New("subscriptions need a plan, components and functions")
	}
	m := &Manager{
		cfg: cfg, log: cfg.Logger,
		byName:    make(map[string]*member, len(cfg.Plan.Functions)),
		started:   make(chan struct{}),
		streaming: make(map[*listener]bool),
	}
	m.ending, m.end = context.WithCancel(context.Background())
	m.stopping = m.ending.Done()
	if m.log == nil {
		m.log = slog.Default()
	}
	for _, f := range cfg.Plan.Functions {
		mem := newMember(m, f)
		m.members = append(m.members, mem)
		m.byName[f.Name] = mem
	}
	if err := errors.Join(m.declared(), m.newInlets()); err != nil {
		return nil, err
	}
	return m, nil
}

// Run subscribes to what is declared, asks the functions that see a pub/sub
// component or an input binding what they want, and delivers until ctx ends.
// Then it stops taking messages, waits for deliveries under way, each of which
// ends within its function's timeout, and lets go of the components. A component
// whose server cannot be reached is tried again until ctx ends. To be called
// once; the error is ctx's.
func (m *Manager) Run(ctx context.Context) error {
	for _, mem := range m.members {
		mem.apply(nil)
		for _, in := range m.inlets {
			if in.explicit && in.mayHave(mem.f) {
				in.set(mem, true)
			}
		}
	}
	close(m.started)
	var asking sync.WaitGroup
	asking.Go(func() { m.askAll(ctx) })
	<-ctx.Done()
	m.end()
	m.stop()
	asking.Wait()
	return ctx.Err()
}

// Discover asks f again what it subscribes to: its code has changed. It returns
// when the function has answered and its subscriptions are on their way; on an
// error, or when ctx ends before, those that were in force stay.
func (m *Manager) Discover(ctx context.Context, f *mesh.Function) {
	if mem := m.byName[f.Name]; mem != nil && m.running() {
		mem.ask(ctx)
	}
}

// running says whether Run has begun and its context has not ended.
func (m *Manager) running() bool {
	select {
	case <-m.started:
	default:
		return false
	}
	select {
	case <-m.stopping:
		return false
	default:
		return true
	}
}

// stop ends all that listens, side by side, and waits for it.
func (m *Manager) stop() {
	var all sync.WaitGroup
	m.mu.Lock()
	streams := slices.Collect(maps.Keys(m.streaming))
	m.mu.Unlock()
	for _, mem := range m.members {
		all.Go(mem.stop)
	}
	for _, l := range streams {
		all.Go(l.stop)
	}
	for _, in := range m.inlets {
		all.Go(in.stop)
	}
	all.Wait()
}

// Subscription is one that is in force.
type Subscription struct {
	Function        *mesh.Function
	PubSub, Topic   string
	DeadLetterTopic string
	// Type is DECLARATIVE, PROGRAMMATIC or STREAMING (Dapr's metadata API).
	Type     string
	Metadata map[string]string
	// Rules in order; the last may match everything.
	Rules []Rule
}

// Rule sends events for which Match (CEL over event.*; "" for all) is true to
// Path.
type Rule struct{ Match, Path string }

// Active lists what is in force: the component has taken the subscription. By
// function in the order of the mesh, the streams last.
func (m *Manager) Active() []Subscription {
	var subs []Subscription
	for _, l := range m.listeners() {
		if l.subscribed.Load() {
			subs = append(subs, l.want.Load().Subscription)
		}
	}
	return subs
}

// Counts gives the subscriptions in force with what became of their messages, in
// the order of Active.
func (m *Manager) Counts() []Counted {
	var all []Counted
	for _, l := range m.listeners() {
		if l.subscribed.Load() {
			all = append(all, Counted{l.want.Load().Subscription, l.counts.read()})
		}
	}
	return all
}

// listeners gives all listeners, in the order of Active.
func (m *Manager) listeners() []*listener {
	var all []*listener
	for _, mem := range m.members {
		all = append(all, mem.list()...)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	first := len(all)
	for l := range m.streaming {
		all = append(all, l)
	}
	slices.SortFunc(all[first:], func(a, b *listener) int { return a.number - b.number })
	return all
}
