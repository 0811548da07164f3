//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"syscall"
	"time"

	"github.com/weftmesh/weft/hack/internal/effects"
	"github.com/weftmesh/weft/hack/internal/engine"
	"github.com/weftmesh/weft/hack/internal/load"
)

// Times that a round may take beyond its load.
const (
	drainTime  = 90 * time.Second
	orphanTime = 20 * time.Second
	poll       = 20 * time.Millisecond
)

// article is what the load orders, one piece each.
const article = "tea-100"

// proof is an engine under load, and the books that are kept of it.
type proof struct {
	config engine.Config
	engine *engine.Engine
	rng    *rand.Rand
	box    box
	// sent are the ids of all orders.
	sent []string
	// senders counts the killed processes that send mail: only these may leave
	// mail that comes again.
	senders int
	// accepted, effects, dead and repeats are sums over all rounds.
	accepted, effects, dead, repeats int
}

// box is what the proof needs of an effects.Box.
type box interface {
	effects.Mails
	Orders() (orders, repeats int)
	Close() error
}

func newProof(ctx context.Context, dir string, rng *rand.Rand) (_ *proof, err error) {
	root, err := engine.Root()
	if err != nil {
		return nil, err
	}
	// The gateway keeps its address over restarts, as clients expect.
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	mail, err := effects.Open()
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, mail.Close())
		}
	}()
	p := &proof{config: engine.Config{Bin: filepath.Join(root, "bin", "weft"), Dir: dir, HTTP: addr}, rng: rng, box: mail}
	err = engine.Mesh(filepath.Join(root, "samples", "order-processing"), dir, engine.Sample{
		Mail: mail.Component, Local: map[string]string{"books.yaml": effects.Function(root)},
	})
	if err != nil {
		return nil, err
	}
	p.engine, err = engine.Start(ctx, p.config)
	return p, err
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// round runs load, kills a process meanwhile, and balances the books.
func (p *proof) round(ctx context.Context, n int, rate float64, length time.Duration) error {
	prefix := fmt.Sprintf("crash%03d-", n)
	type result struct {
		orders []load.Order
		err    error
	}
	started := time.Now()
	sent := make(chan result, 1)
	go func() {
		o, err := load.Run(ctx, load.Config{
			Addr: p.config.HTTP, Rate: rate, Count: int(rate * length.Seconds()), Connections: 50, Prefix: prefix, Persist: true,
		})
		sent <- result{o, err}
	}()
	killed, err := p.kill(ctx, time.Duration(float64(length)*(0.1+0.8*p.rng.Float64())))
	if err != nil {
		return err
	}
	r := <-sent
	if r.err != nil {
		return r.err
	}
	var accepted []string
	for i, o := range r.orders {
		p.sent = append(p.sent, load.ID(prefix, i))
		if o.Accepted() {
			accepted = append(accepted, load.ID(prefix, i))
		}
	}
	dead, err := effects.Drain(ctx, p.box, accepted, p.engine.DeadOrders, drainTime)
	if err != nil {
		return fmt.Errorf("after killing %s: %w", killed, err)
	}
	p.dead += dead
	p.accepted += len(accepted)
	fmt.Printf("round %3d: killed %-28s accepted %d, effects %d, dead letters %d, %.1f s\n",
		n+1, killed, len(accepted), len(accepted)-dead, dead, time.Since(started).Seconds())
	return p.balance(ctx)
}

// kill waits, then kills one process at random; an engine is started again.
func (p *proof) kill(ctx context.Context, after time.Duration) (string, error) {
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case <-time.After(after):
	}
	s, err := p.engine.Client.Status(ctx)
	if err != nil {
		return "", err
	}
	type process struct {
		name string
		pid  int
	}
	all := []process{{"the engine", p.engine.PID()}}
	for _, f := range s.Functions {
		for _, r := range f.Replicas {
			if r.PID > 0 {
				all = append(all, process{f.Name, r.PID})
			}
		}
	}
	victim := all[p.rng.IntN(len(all))]
	name := fmt.Sprintf("%s (%d)", victim.name, victim.pid)
	if victim.pid == p.engine.PID() || victim.name == "notifyUser" {
		p.senders++
	}
	if victim.pid != p.engine.PID() {
		if err := syscall.Kill(victim.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return name, err
		}
		return name, nil
	}
	p.engine.Kill()
	again, err := engine.Start(ctx, p.config)
	if err != nil {
		return name, err
	}
	p.engine = again
	for _, f := range all[1:] {
		if err := gone(ctx, f.pid); err != nil {
			return name, fmt.Errorf("%s of the killed engine: %w", f.name, err)
		}
	}
	return name, nil
}

// gone waits until a process that the killed engine left has ended.
func gone(ctx context.Context, pid int) error {
	deadline := time.Now().Add(orphanTime)
	for {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d still runs after %v", pid, orphanTime)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(poll):
		}
	}
}

// balance reads what is filed and holds it to its rules.
func (p *proof) balance(ctx context.Context) error {
	b, err := effects.ReadBooks(ctx, p.config.HTTP, p.sent, []string{article})
	if err != nil {
		return err
	}
	return p.books(b)
}

// books must hold, and mail may come twice only where a process that sends was
// killed.
func (p *proof) books(b effects.Books) error {
	if err := b.Check(p.sent, p.box, article, p.dead); err != nil {
		return err
	}
	p.effects, p.repeats = p.box.Orders()
	if p.repeats > 0 && p.senders == 0 {
		return fmt.Errorf("%d mails came again, and nothing that sends mail was killed", p.repeats)
	}
	return nil
}

func (p *proof) stop() error { return errors.Join(p.engine.Stop(), p.box.Close()) }
