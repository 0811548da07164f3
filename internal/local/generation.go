package local

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/local/replica"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
	"github.com/weftmesh/weft/mesh/gateway"
	"github.com/weftmesh/weft/mesh/source"
)

// drainTimeout bounds how long calls under way may take at a stop or reload.
const drainTimeout = 30 * time.Second

// generation is what depends on one reading of the mesh file. A reload makes
// another and swaps it in; the old one drains.
type generation struct {
	e          *engine
	number     int
	bundle     *source.Bundle
	plan       *mesh.Plan
	manager    *replica.Manager
	dispatcher *delivery.Dispatcher
	gateway    *gateway.Gateway
	sink       *gateway.Sink
	broker     delivery.Broker
	dapr       dapr

	// users are the requests that go by this generation; unused is closed
	// when it is retired and there are none.
	users  atomic.Int64
	unused chan struct{}
	once   sync.Once

	cancel context.CancelFunc
	done   chan struct{}
}

// newGeneration makes a generation that does not take traffic yet.
func (e *engine) newGeneration(ctx context.Context, b *source.Bundle) (_ *generation, err error) {
	g := &generation{e: e, bundle: b, plan: b.Plan, done: make(chan struct{}), unused: make(chan struct{})}
	if old := e.current.Load(); old != nil {
		g.number = old.number + 1
	}
	var undo []func() error
	defer func() {
		if err == nil {
			return
		}
		for _, fn := range slices.Backward(undo) {
			err = errors.Join(err, fn())
		}
	}()
	set, err := e.openComponents(ctx, b)
	if err != nil {
		return nil, err
	}
	undo = append(undo, set.Close)
	if g.broker, err = g.linkBroker(ctx, set); err != nil {
		return nil, err
	}
	undo = append(undo, g.broker.Close)
	ledger, err := e.data.ledger(g.number)
	if err != nil {
		return nil, err
	}
	g.manager, err = replica.New(replica.Options{
		Plan: b.Plan, Dir: e.root, Data: ledger,
		Idle: e.opts.Idle, Debug: e.opts.Debug,
		Env:    g.processEnvironment,
		Sink:   e.sinkURL,
		Output: e.output, Mask: e.mask.Apply, Observer: e.observe, Logger: e.log,
	})
	if err != nil {
		return nil, err
	}
	undo = append(undo, func() error { return g.manager.Stop(context.Background()) })
	if err := g.newDapr(set); err != nil {
		return nil, err
	}
	g.dispatcher, err = delivery.New(delivery.Config{
		Plan: b.Plan, Broker: g.broker, Endpoints: g.manager, Observer: e.recorder,
		DrainTimeout: drainTimeout, Logger: e.log,
	})
	if err != nil {
		return nil, err
	}
	g.gateway, err = gateway.New(gateway.Config{
		Plan: b.Plan, Endpoints: g.manager, Dispatcher: g.dispatcher, Observer: e.recorder, Logger: e.log,
		Debugging: g.manager.Debugging,
	})
	if err != nil {
		return nil, err
	}
	tokens := make(map[string]string, len(b.Plan.Functions))
	names := make([]string, len(b.Plan.Functions))
	for i, f := range b.Plan.Functions {
		tokens[f.Name], names[i] = e.tokens.function(f.Name), f.Name
	}
	g.sink = gateway.NewSink(gateway.SinkConfig{Plan: b.Plan, Dispatcher: g.dispatcher, Tokens: tokens, Logger: e.log})
	e.console.Names(names)
	return g, nil
}

// environment is what a function's process has beside its port and names.
func (g *generation) environment(f *mesh.Function) ([]string, error) {
	env, err := functionEnv(g.bundle, g.e.envFile, f)
	return append(g.e.daprEnv(f), env...), err
}

// processEnvironment is environment for a process of this machine, which may
// take the shorter way to the Dapr API. A mesh that names another API means that.
func (g *generation) processEnvironment(f *mesh.Function) ([]string, error) {
	env, err := functionEnv(g.bundle, g.e.envFile, f)
	own := slices.ContainsFunc(env, func(kv string) bool { return strings.HasPrefix(kv, contract.EnvDaprGRPC+"=") })
	if g.e.daprSocket != nil && !own {
		env = append(env, contract.EnvDaprSocket+"="+g.e.daprSocket.Addr().String())
	}
	return append(g.e.daprEnv(f), env...), err
}

// run pulls events until drain.
func (g *generation) run() {
	g.e.warnOfStranded(g.plan)
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	go func() {
		defer close(g.done)
		if err := g.dispatcher.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			g.e.fail(fmt.Errorf("dispatcher: %w", err))
		}
	}()
	g.runDapr()
}

// drain stops pulling and waits for the calls under way, or for ctx.
func (g *generation) drain(ctx context.Context) {
	if g.cancel == nil {
		return
	}
	g.cancel()
	g.drainDapr(ctx)
	select {
	case <-g.done:
	case <-ctx.Done():
	}
}

// close gives up what is open, once functions have ended.
func (g *generation) close() error { return errors.Join(g.broker.Close(), g.dapr.components.Close()) }

// use returns the generation that takes traffic, which stays until release.
func (e *engine) use() *generation {
	for {
		g := e.current.Load()
		g.users.Add(1)
		if e.current.Load() == g {
			return g
		}
		g.release()
	}
}

func (g *generation) release() {
	if g.users.Add(-1) == 0 && g.e.current.Load() != g {
		g.once.Do(func() { close(g.unused) })
	}
}

// retire ends a generation that another has replaced: it pulls no more, its
// requests and calls finish, its processes end.
func (g *generation) retire() {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	g.users.Add(1)
	g.release() // so that unused is closed also if nobody uses it
	g.drain(ctx)
	select {
	case <-g.unused:
	case <-ctx.Done():
	}
	if err := g.manager.Stop(ctx); err != nil {
		g.e.log.Warn("processes of before the reload did not end by themselves", "error", err.Error())
	}
	if err := g.close(); err != nil {
		g.e.log.Warn("components of before the reload", "error", err.Error())
	}
}

// routes of a function, as people write them.
func (g *generation) routes(f *mesh.Function) []string {
	var list []string
	for _, r := range gateway.Routes(g.plan) {
		if r.Function == f {
			list = append(list, r.String())
		}
	}
	return list
}
