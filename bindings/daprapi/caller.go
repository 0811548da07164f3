package daprapi

import (
	"context"

	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/mesh"
)

// headerToken carries a caller's token: a header over HTTP, metadata over gRPC
// (Dapr's name for it).
const headerToken = "dapr-api-token"

// caller is a function that calls the API, with the components that it sees.
// The operations of the API are its methods.
type caller struct {
	api      *API
	function *mesh.Function
	states   map[string]*components.State
	pubsubs  map[string]broker
	outputs  map[string]*components.Output
	secrets  map[string]*components.Secrets
	// bindings are the names of those that it sees, of either direction.
	bindings map[string]bool
	infos    []components.Info
	labels   labels
}

func newCaller(a *API, f *mesh.Function, set opened) *caller {
	c := &caller{
		api: a, function: f,
		states:   visible(f.State, set.State),
		pubsubs:  make(map[string]broker, len(f.PubSubs)),
		outputs:  visible(f.Bindings, set.Output),
		secrets:  visible(f.SecretStores, set.Secrets),
		bindings: make(map[string]bool, len(f.Bindings)),
	}
	for name, p := range visible(f.PubSubs, set.PubSub) {
		c.pubsubs[name] = p
	}
	for _, name := range f.Bindings {
		c.bindings[name] = set.Output(name) != nil || set.Input(name) != nil
	}
	c.infos = c.visibleInfos(set.Infos())
	return c
}

// visible gives those of the names that are open: a component with ignoreErrors
// may not be.
func visible[T any](names []string, open func(string) *T) map[string]*T {
	m := make(map[string]*T, len(names))
	for _, name := range names {
		if c := open(name); c != nil {
			m[name] = c
		}
	}
	return m
}

// appID is what Dapr knows the caller by.
func (c *caller) appID() string { return c.function.Service }

// caller finds who calls by the token, or nil.
func (a *API) caller(token string) *caller {
	if token == "" {
		return nil
	}
	f, ok := a.identify(token)
	if !ok {
		return nil
	}
	return a.callers[f.Service]
}

// call is the context of a call over gRPC. It is a context of its own so that
// a call costs one allocation for it.
type call struct {
	context.Context
	caller *caller
}

type callKey struct{}

// Value gives the call itself for callKey.
func (c *call) Value(key any) any {
	if key == (callKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// callerOf finds who makes the call that ctx belongs to.
func callerOf(ctx context.Context) *caller {
	if c, ok := ctx.(*call); ok {
		return c.caller
	}
	c, _ := ctx.Value(callKey{}).(*call)
	return c.caller
}
