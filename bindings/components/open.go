package components

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/dapr/components-contrib/secretstores"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// Open opens the components of a mesh that something in it can see. Components
// open side by side, each within its initTimeout (5s by default, Dapr's).
//
// The error joins those of all components that did not open, but for those with
// ignoreErrors, which are logged and left out: each names the component, its
// type, what was tried and for how long.
func Open(ctx context.Context, cfg Config) (*Set, error) {
	if cfg.Plan == nil {
		return nil, errors.New("components need a plan")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	quietClients()
	o := &opener{cfg: &cfg, pending: make(map[string]*pending)}
	o.resolver = &resolver{cfg: &cfg, log: cfg.Logger, store: o.store}
	names := wanted(cfg.Plan)

	var wg sync.WaitGroup
	for _, name := range names {
		wg.Go(func() { o.open(ctx, name) })
	}
	wg.Wait()

	set := &Set{
		states: make(map[string]*State), pubsubs: make(map[string]*PubSub), outputs: make(map[string]*Output),
		inputs: make(map[string]*Input), secrets: make(map[string]*Secrets), instances: make(map[string]*instance),
	}
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(o.pending)) {
		p, c := o.pending[name], cfg.Plan.Components[name]
		err := p.err
		if err == nil {
			if err = set.add(name, p.instance, cfg.Plan); err == nil {
				continue
			}
			err = errors.Join(componentError(c, err), p.instance.release())
		}
		if c.IgnoreErrors {
			cfg.Logger.Error("a component did not open and is left out", "component", name, "error", err)
			continue
		}
		errs = append(errs, err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(append(errs, set.Close())...)
	}
	return set, nil
}

func componentError(c v1beta1.Component, err error) error {
	return fmt.Errorf("component %q (%s): %w", c.Name, c.Type, err)
}

// wanted lists the components that something in the mesh can see: a function,
// a trigger, or the mesh's links.
func wanted(p *mesh.Plan) []string {
	all := []string{p.Broker}
	for _, f := range p.Functions {
		all = slices.Concat(all, f.State, f.Bindings, f.PubSubs, f.SecretStores)
		for _, t := range f.Triggers {
			all = append(all, t.Component, t.Connection)
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(name string) bool {
		_, ok := p.Components[name]
		return !ok
	})
}

// opener opens the components of one set, each once.
type opener struct {
	cfg      *Config
	resolver *resolver

	mu      sync.Mutex
	pending map[string]*pending
}

type pending struct {
	done     chan struct{}
	instance *instance
	err      error
}

// open opens a component, or waits for who is already at it.
func (o *opener) open(ctx context.Context, name string) *pending {
	o.mu.Lock()
	p, ok := o.pending[name]
	if !ok {
		p = &pending{done: make(chan struct{})}
		o.pending[name] = p
	}
	o.mu.Unlock()
	if ok {
		<-p.done
		return p
	}
	defer close(p.done)
	c := o.cfg.Plan.Components[name]
	if p.instance, p.err = o.instance(ctx, c); p.err != nil {
		p.err = componentError(c, p.err)
	}
	return p
}

// store opens a secret store that another component's metadata refers to.
func (o *opener) store(ctx context.Context, name string) (secretstores.SecretStore, error) {
	if _, ok := o.cfg.Plan.Components[name]; !ok {
		var stores []string
		for n, c := range o.cfg.Plan.Components {
			if strings.HasPrefix(c.Type, "secretstores.") {
				stores = append(stores, n)
			}
		}
		if near := mesh.Nearest(name, stores); near != "" {
			return nil, fmt.Errorf("there is no secret store %q; did you mean %q?", name, near)
		}
		return nil, fmt.Errorf("there is no secret store %q; declare a component of that name, such as one of type secretstores.local.file", name)
	}
	p := o.open(ctx, name)
	if p.err != nil {
		return nil, fmt.Errorf("the secret store %q did not open", name)
	}
	if p.instance.secrets == nil {
		return nil, fmt.Errorf("the component %q is a %s, not a secret store", name, p.instance.driver.name())
	}
	return p.instance.secrets, nil
}

func (o *opener) instance(ctx context.Context, c v1beta1.Component) (*instance, error) {
	d, versions := find(c.Type, c.Version)
	if d == nil {
		return nil, unknownType(c, versions)
	}
	if err := circular(o.cfg.Plan, c); err != nil {
		return nil, err
	}
	props, secrets, err := o.resolver.resolve(ctx, c, d.known())
	if err != nil {
		return nil, err
	}
	if d.adjust != nil {
		d.adjust(o.cfg.Base, props)
	}
	definition := o.definition(d, c, props)
	if old := o.cfg.Reuse.shared(c.Name, definition); old != nil {
		return old, nil
	}

	clean := newRedactor(props, secrets)
	log := slog.New(newSparse(o.cfg.Logger.Handler()))
	s := &starter{
		driver: d, component: c, clean: clean, log: log,
		host: host{
			name: c.Name, dir: o.cfg.Dir, always: o.cfg.SyncAlways,
			log: &bridge{log: log.With("component", c.Name), clean: clean},
		},
	}
	t := o.cfg.templates()
	filled := t.fill(props)
	i := &instance{driver: d, definition: definition, props: filled, held: 1}
	if d.kind() == "pubsub" {
		i.connect = func(ctx context.Context, consumer string) (part, error) {
			own := templates{app: consumer, namespace: t.namespace, pod: t.pod}.fill(props)
			return s.start(ctx, withConsumer(d, own, consumer))
		}
		i.own = func(ctx context.Context, own Own) (part, error) {
			return s.startOwn(ctx, templates{app: own.Consumer, namespace: t.namespace, pod: t.pod}.fill(props), own)
		}
		filled = withConsumer(d, filled, publisherID(d, o.cfg.Plan))
	}
	i.part, err = s.start(ctx, filled)
	return i, err
}

// publisherID is the consumer id of the instance that publishes, for those
// components that do not open without one.
func publisherID(d *driver, p *mesh.Plan) string {
	if d.uniqueConsumers {
		return p.Name + "-publisher"
	}
	return p.Name
}

// definition identifies what an instance is made of. It is a hash, since
// metadata may hold secrets.
func (o *opener) definition(d *driver, c v1beta1.Component, props map[string]string) string {
	b, err := json.Marshal([]any{d.name(), d.versionName(), c.Name, props, o.cfg.templates().app, o.cfg.Plan.Namespace, o.cfg.Dir, o.cfg.SyncAlways})
	if err != nil {
		return "" // strings and maps of them do marshal
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// shared returns the instance of that name and definition, held once more.
func (s *Set) shared(name, definition string) *instance {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	i := s.instances[name]
	s.mu.Unlock()
	if i == nil || i.definition != definition || !i.share() {
		return nil
	}
	return i
}

// circular reports a secret store that, through others, reads a secret of
// itself.
func circular(p *mesh.Plan, c v1beta1.Component) error {
	chain := []string{c.Name}
	for next := c; ; {
		refers := slices.ContainsFunc(next.Metadata, func(m v1beta1.ComponentMetadata) bool { return m.SecretKeyRef != nil })
		if !refers || next.SecretStore == "" || next.SecretStore == storeKubernetes {
			return nil
		}
		chain = append(chain, next.SecretStore)
		if slices.Index(chain, next.SecretStore) < len(chain)-1 {
			return fmt.Errorf("its secrets are in a circle: %s; keep one of them elsewhere", strings.Join(chain, " -> "))
		}
		next = p.Components[next.SecretStore]
	}
}
