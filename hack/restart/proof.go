//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"github.com/weftmesh/weft/hack/internal/effects"
	"github.com/weftmesh/weft/hack/internal/engine"
	"github.com/weftmesh/weft/hack/internal/load"
)

const (
	// drainTime is how long after the last answer effects are waited for.
	drainTime = 3 * time.Minute
	// article is what the load orders, one piece each.
	article = "tea-100"
	prefix  = "restart-"
)

// proof is an order mesh on servers, and the box that takes its mail.
type proof struct {
	servers *servers
	engine  *engine.Engine
	box     *effects.Box

	accepted, mailed, dead, repeats int
}

func newProof(ctx context.Context, dir string, s *servers) (_ *proof, err error) {
	root, err := engine.Root()
	if err != nil {
		return nil, err
	}
	p := &proof{servers: s}
	if p.box, err = effects.Open(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.box.Close())
		}
	}()
	local := map[string]string{"books.yaml": effects.Function(root)}
	maps.Copy(local, s.documents())
	if err = engine.Mesh(filepath.Join(root, "samples", "order-processing"), dir, engine.Sample{Mail: p.box.Component, Local: local}); err != nil {
		return nil, err
	}
	p.engine, err = engine.Start(ctx, engine.Config{Bin: filepath.Join(root, "bin", "weft"), Dir: dir})
	return p, err
}

// run sends the orders, restarts each server once meanwhile, and balances the
// books.
func (p *proof) run(ctx context.Context, count int, rate float64) error {
	length := time.Duration(float64(count) / rate * float64(time.Second))
	fmt.Printf("%d orders in %.0f s\n", count, length.Seconds())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		orders []load.Order
		err    error
	}
	sent := make(chan result, 1)
	go func() {
		o, err := load.Run(ctx, load.Config{Addr: p.engine.Addr(), Rate: rate, Count: count, Connections: 50, Prefix: prefix, Persist: true})
		sent <- result{o, err}
	}()
	started := time.Now()
	for i, name := range p.servers.restarted {
		at := length * time.Duration(i+1) / time.Duration(len(p.servers.restarted)+1)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(started.Add(at))):
		}
		if err := p.servers.restart(ctx, name); err != nil {
			return err
		}
		orders, _ := p.box.Orders()
		fmt.Printf("%5.1f s: %s of %s, with mail about %d orders\n", time.Since(started).Seconds(), p.servers.how, name, orders)
	}
	r := <-sent
	if r.err != nil {
		return r.err
	}
	var ids, accepted []string
	for i, o := range r.orders {
		ids = append(ids, load.ID(prefix, i))
		if o.Accepted() {
			accepted = append(accepted, load.ID(prefix, i))
		}
	}
	fmt.Printf("%5.1f s: all sent, %d accepted\n", time.Since(started).Seconds(), len(accepted))
	dead, err := effects.Drain(ctx, p.box, accepted, p.engine.DeadOrders, drainTime)
	if err != nil {
		return err
	}
	p.accepted, p.dead = len(accepted), dead
	p.mailed, p.repeats = p.box.Orders()
	return p.balance(ctx, ids)
}

// balance holds stock, decisions and mail against each other.
func (p *proof) balance(ctx context.Context, ids []string) error {
	b, err := effects.ReadBooks(ctx, p.engine.Addr(), ids, []string{article})
	if err != nil {
		return err
	}
	return b.Check(ids, p.box, article, p.dead)
}

func (p *proof) stop() error { return errors.Join(p.engine.Stop(), p.box.Close()) }
