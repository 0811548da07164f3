package components

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/dapr/components-contrib/bindings"
	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/components-contrib/secretstores"
	"github.com/dapr/components-contrib/state"

	"github.com/weftmesh/weft/mesh"
)

// Config of Open. Plan is required.
type Config struct {
	// Plan names the components, and who sees them.
	Plan *mesh.Plan
	// Secret finds a value of a Secret document, for a secretKeyRef of a
	// component without auth.secretStore.
	Secret func(name, key string) ([]byte, bool)
	// LookupEnv finds a variable for envRef; os.LookupEnv if nil.
	LookupEnv func(string) (string, bool)
	// Dir is where embedded stores keep their files, made when needed.
	Dir string
	// Base is what relative paths in components are relative to: the directory
	// of the mesh file.
	Base string
	// SyncAlways has embedded stores sync before a write counts as durable;
	// else they sync each second in which something was written.
	SyncAlways bool
	// Reuse is the set of the generation before: components whose definition
	// has not changed are shared with it, so that a reload loses neither
	// connections nor what an in-memory store holds. Either set may be closed
	// first.
	Reuse *Set
	// Logger takes what components log; slog.Default() if nil.
	Logger *slog.Logger
}

// Set is the opened components of a mesh. It is safe for concurrent use.
type Set struct {
	infos   []Info
	states  map[string]*State
	pubsubs map[string]*PubSub
	outputs map[string]*Output
	inputs  map[string]*Input
	secrets map[string]*Secrets

	mu        sync.Mutex
	instances map[string]*instance
}

// add puts an open instance into the set, which holds it from then on.
func (s *Set) add(name string, i *instance, plan *mesh.Plan) error {
	info := Info{Name: name, Type: i.driver.name(), Version: i.driver.versionName(), Capabilities: i.capabilities()}
	switch {
	case i.state != nil:
		p, err := newPrefix(get(i.props, "keyPrefix"), name, plan)
		if err != nil {
			return err
		}
		s.states[name] = &State{Info: info, Store: i.state, prefix: p}
	case i.pubsub != nil:
		s.pubsubs[name] = newPubSub(info, i)
	case i.secrets != nil:
		s.secrets[name] = &Secrets{Info: info, Store: i.secrets}
	}
	if i.in != nil && goes("input", i.props) {
		route := get(i.props, "route")
		if route == "" {
			route = name
		}
		if route[0] != '/' {
			route = "/" + route
		}
		s.inputs[name] = &Input{Info: info, Binding: i.in, Route: route}
	}
	if i.out != nil && goes("output", i.props) {
		s.outputs[name] = &Output{Info: info, Binding: i.out}
	}
	s.infos = append(s.infos, info)
	s.instances[name] = i
	return nil
}

// Close closes what no other set shares. A second call does nothing.
func (s *Set) Close() error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	instances := s.instances
	s.instances = nil
	s.mu.Unlock()
	var (
		errs = make(chan error, len(instances))
		all  []error
	)
	// Side by side: some wait for what they have under way.
	for name, i := range instances {
		go func() {
			if p := s.pubsubs[name]; p != nil {
				p.closeConsumers()
			}
			if err := i.release(); err != nil {
				errs <- fmt.Errorf("close component %q (%s): %w", name, i.driver.name(), err)
				return
			}
			errs <- nil
		}()
	}
	for range instances {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}

// Info describes a component.
type Info struct {
	Name, Type, Version string
	// Capabilities as Dapr's metadata API names them: ETAG, TRANSACTIONAL,
	// TTL, ...
	Capabilities []string
}

// Infos describes the open components, by name.
func (s *Set) Infos() []Info { return slices.Clone(s.infos) }

// State returns the store of that name, or nil.
func (s *Set) State(name string) *State { return s.states[name] }

// PubSub returns the pub/sub component of that name, or nil.
func (s *Set) PubSub(name string) *PubSub { return s.pubsubs[name] }

// Output returns the output binding of that name, or nil.
func (s *Set) Output(name string) *Output { return s.outputs[name] }

// Input returns the input binding of that name, or nil.
func (s *Set) Input(name string) *Input { return s.inputs[name] }

// Inputs returns all input bindings, by name.
func (s *Set) Inputs() []*Input {
	var out []*Input
	for _, name := range slices.Sorted(maps.Keys(s.inputs)) {
		out = append(out, s.inputs[name])
	}
	return out
}

// Secrets returns the secret store of that name, or nil.
func (s *Set) Secrets(name string) *Secrets { return s.secrets[name] }

// State is a state store. Store's optional interfaces (state.TransactionalStore,
// state.BulkStore, state.Querier) say what it can do beyond the basics.
type State struct {
	Info
	Store state.Store

	prefix prefix
}

// Output is an output binding.
type Output struct {
	Info
	Binding bindings.OutputBinding
}

// Input is an input binding.
type Input struct {
	Info
	Binding bindings.InputBinding
	// Route is the path that its events are posted to: metadata route, or
	// / and the name (Dapr's rule).
	Route string
}

// Secrets is a secret store.
type Secrets struct {
	Info
	Store secretstores.SecretStore
}

// capabilities gives what daprd's metadata API says of a component
// (pkg/api/universal: features of stores, direction of bindings).
func (i *instance) capabilities() []string {
	var out []string
	switch {
	case i.state != nil:
		for _, f := range i.state.Features() {
			out = append(out, string(f))
		}
		if _, ok := i.state.(state.Querier); ok && !slices.Contains(out, "QUERY_API") {
			out = append(out, "QUERY_API")
		}
	case i.pubsub != nil:
		for _, f := range i.pubsub.Features() {
			out = append(out, string(f))
		}
	case i.secrets != nil:
		for _, f := range i.secrets.Features() {
			out = append(out, string(f))
		}
	}
	if i.in != nil && goes("input", i.props) {
		out = append(out, "INPUT_BINDING")
	}
	if i.out != nil && goes("output", i.props) {
		out = append(out, "OUTPUT_BINDING")
	}
	return out
}

// Publisher is the instance that publishes.
func (p *PubSub) Publisher() pubsub.PubSub { return p.instance.pubsub }
