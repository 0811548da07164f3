package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/bindings/daprapi"
	"github.com/weftmesh/weft/bindings/daprbroker"
	"github.com/weftmesh/weft/bindings/subscriptions"
	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
	"github.com/weftmesh/weft/mesh/source"
)

// dapr is the part of a generation that stands for its functions' sidecars.
type dapr struct {
	components    *components.Set
	subscriptions *subscriptions.Manager
	api           *daprapi.API

	running atomic.Bool
	cancel  context.CancelFunc
	done    chan struct{}
}

// openComponents opens what the mesh declares; what the generation before has
// open already is shared with it.
func (e *engine) openComponents(ctx context.Context, b *source.Bundle) (*components.Set, error) {
	cfg := components.Config{
		Plan: b.Plan, Dir: e.data.file(dirState), Base: e.root, SyncAlways: e.opts.Sync == SyncAlways,
		Secret: func(name, key string) ([]byte, bool) {
			v, ok := b.Secrets[name][key]
			return v, ok
		},
		Logger: e.log,
	}
	if old := e.current.Load(); old != nil {
		cfg.Reuse = old.dapr.components
	}
	return components.Open(ctx, cfg)
}

// newDapr makes the Dapr API of a generation whose components are open. It
// takes traffic at once, and brings messages to functions from runDapr on.
func (g *generation) newDapr(set *components.Set) (err error) {
	d := &g.dapr
	d.components = set
	d.subscriptions, err = subscriptions.New(subscriptions.Config{
		Plan: g.plan, Components: set, Declared: g.bundle.Subscriptions,
		Functions: functions{g, "pubsub"}, Logger: g.e.log,
	})
	if err != nil {
		return err
	}
	d.api, err = daprapi.New(daprapi.Config{
		Plan: g.plan, Components: set, Functions: functions{g, "invoke"}, Topics: d.subscriptions,
		Caller: g.callers(), Version: g.e.opts.Version, Logger: g.e.log,
	})
	return err
}

// callers finds functions by their tokens.
func (g *generation) callers() func(token string) (*mesh.Function, bool) {
	byToken := make(map[string]*mesh.Function, len(g.plan.Functions))
	for _, f := range g.plan.Functions {
		byToken[g.e.tokens.function(f.Name)] = f
	}
	// A lookup by hash tells nothing of a token of 160 random bits by its time.
	return func(token string) (*mesh.Function, bool) {
		f, ok := byToken[token]
		return f, ok
	}
}

// linkBroker is what carries the links of a generation: the component that
// spec.broker names, or the embedded JetStream.
func (g *generation) linkBroker(ctx context.Context, set *components.Set) (delivery.Broker, error) {
	if g.plan.Broker == "" {
		return shared{g.e.broker}, nil
	}
	carrier := set.PubSub(g.plan.Broker)
	if carrier == nil {
		return nil, fmt.Errorf("spec.broker: the component %s did not open", g.plan.Broker)
	}
	if g.number == 0 {
		for _, limit := range daprbroker.Limits(carrier.Type) {
			g.e.log.Warn("the links travel by "+g.plan.Broker+" ("+carrier.Type+")", "limit", limit)
		}
	}
	return daprbroker.Open(ctx, daprbroker.Options{
		PubSub: carrier, Local: g.e.broker, Dir: g.e.data.path, Namespace: g.plan.Namespace, Mesh: g.plan.Name, Logger: g.e.log,
	})
}

// shared is a broker that outlives the generation that uses it.
type shared struct{ delivery.Broker }

func (shared) Close() error { return nil }

// runDapr brings messages of topics and input bindings to functions until
// drainDapr.
func (g *generation) runDapr() {
	ctx, cancel := context.WithCancel(context.Background())
	g.dapr.running.Store(true)
	g.dapr.cancel, g.dapr.done = cancel, make(chan struct{})
	go func() {
		defer close(g.dapr.done)
		if err := g.dapr.subscriptions.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			g.e.log.Error("subscriptions ended", "error", err.Error())
		}
	}()
}

// changed asks a function of which new code runs what it subscribes to. No one
// waits for the answer: a function that has none to give would hold up the next
// change of the sources.
func (g *generation) changed(ctx context.Context, f *mesh.Function) {
	if g.dapr.running.Load() {
		go g.dapr.subscriptions.Discover(ctx, f) // it ends with ctx, or with the subscriptions
	}
}

// drainDapr takes no more messages and waits for those under way, or for ctx.
func (g *generation) drainDapr(ctx context.Context) {
	if g.dapr.cancel == nil {
		return
	}
	g.dapr.cancel()
	select {
	case <-g.dapr.done:
	case <-ctx.Done():
	}
}

// serveDapr serves the Dapr API of whichever generation takes traffic.
func (e *engine) serveDapr() {
	e.daprServer = daprapi.NewServer(func() (*daprapi.API, func()) {
		g := e.use()
		return g.dapr.api, g.release
	}, daprapi.Logger(e.log))
	e.daprHTTPServer = e.newServer(e.daprServer.Handler())
	e.serve(e.daprHTTPServer, e.daprHTTPListener)
	e.serveDaprGRPC(e.daprGRPCListener)
	if e.daprSocket != nil {
		e.serveDaprGRPC(e.daprSocket)
	}
}

func (e *engine) serveDaprGRPC(l net.Listener) {
	go func() {
		if err := e.daprServer.ServeGRPC(l); err != nil && !errors.Is(err, net.ErrClosed) {
			e.fail(fmt.Errorf("dapr API at %s: %w", l.Addr(), err))
		}
	}()
}

// stopDapr lets calls of the Dapr API finish until ctx ends, and closes what
// they used.
func (e *engine) stopDapr(ctx context.Context) {
	shutdown(ctx, e.daprHTTPServer)
	if e.daprServer != nil {
		if err := e.daprServer.Shutdown(ctx); err != nil {
			e.log.Warn("calls of the Dapr API were cut off", "error", err.Error())
		}
	}
	if g := e.current.Load(); g != nil {
		if err := g.close(); err != nil {
			e.log.Warn("components did not close", "error", err.Error())
		}
	}
}

// daprEnv tells a function where the Dapr API is, under the names that Dapr's
// SDKs read.
func (e *engine) daprEnv(f *mesh.Function) []string {
	grpc, http := e.daprGRPCListener.Addr().String(), e.daprHTTPListener.Addr().String()
	return []string{
		contract.EnvDaprGRPC + "=http://" + grpc,
		contract.EnvDaprHTTP + "=http://" + http,
		contract.EnvDaprToken + "=" + e.tokens.function(f.Name),
	}
}
