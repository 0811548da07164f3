package components

import (
	"context"
	"log/slog"

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
type Set struct{}

// Open opens the components of a mesh that something in it can see. Components
// open side by side, each within its initTimeout (5s by default, Dapr's).
//
// The error joins those of all components that did not open, but for those with
// ignoreErrors, which are logged and left out: each names the component, its
// type, what was tried and for how long.
func Open(ctx context.Context, cfg Config) (*Set, error) { return &Set{}, nil }

// Close closes what no other set shares.
func (s *Set) Close() error { return nil }

// Info describes a component.
type Info struct {
	Name, Type, Version string
	// Capabilities as Dapr's metadata API names them: ETAG, TRANSACTIONAL,
	// TTL, ...
	Capabilities []string
}

// Infos describes the open components, by name.
func (s *Set) Infos() []Info { return nil }

// State returns the store of that name, or nil.
func (s *Set) State(name string) *State { return nil }

// PubSub returns the pub/sub component of that name, or nil.
func (s *Set) PubSub(name string) *PubSub { return nil }

// Output returns the output binding of that name, or nil.
func (s *Set) Output(name string) *Output { return nil }

// Input returns the input binding of that name, or nil.
func (s *Set) Input(name string) *Input { return nil }

// Inputs returns all input bindings, by name.
func (s *Set) Inputs() []*Input { return nil }

// Secrets returns the secret store of that name, or nil.
func (s *Set) Secrets(name string) *Secrets { return nil }

// State is a state store. Store's optional interfaces (state.TransactionalStore,
// state.BulkStore, state.Querier) say what it can do beyond the basics.
type State struct {
	Info
	Store state.Store
}

// Key is the key under which the store keeps a function's key, by the
// component's keyPrefix: appid, name, namespace, none, or a literal; the mesh's
// name if it sets none. A key that holds "||" is an error (Dapr's rule).
func (s *State) Key(f *mesh.Function, key string) (string, error) { return key, nil }

// Trim takes the prefix off a key that the store keeps.
func (s *State) Trim(stored string) string { return stored }

// PubSub is a pub/sub component.
type PubSub struct{ Info }

// Publisher is the instance that publishes.
func (p *PubSub) Publisher() pubsub.PubSub { return nil }

// Consumer returns an instance that subscribes in the name of consumer, which
// is the component's consumerID unless its metadata sets one (Dapr's rule, where
// it is the app id). Instances of one consumer share the messages of a topic,
// those of different ones get each. A component that lives in this process has
// one instance for all. close releases it.
func (p *PubSub) Consumer(ctx context.Context, consumer string) (instance pubsub.PubSub, close func() error, err error) {
	return nil, nil, nil
}

// MayPublish and MaySubscribe say whether the component's topic scopes
// (publishingScopes, subscriptionScopes, allowedTopics, protectedTopics) let f
// use a topic.
func (p *PubSub) MayPublish(f *mesh.Function, topic string) bool { return true }

// MaySubscribe says it of subscribing.
func (p *PubSub) MaySubscribe(f *mesh.Function, topic string) bool { return true }

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

// Check compares the components of a plan with what this version can open: an
// unknown type or version names the nearest, unknown metadata is a warning with
// the nearest name, missing required metadata an error. The problems' paths are
// those of mesh.PathOfComponent, without a place.
func Check(p *mesh.Plan) mesh.Problems { return nil }
