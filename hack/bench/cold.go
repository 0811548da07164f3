//go:build unix

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/weftmesh/weft/hack/internal/engine"
	"github.com/weftmesh/weft/hack/internal/load"
)

// cold are the cold starts of an empty function and of one that works, each
// from request to answer, and of the chain of three, from request to
// notifyUser's effect. One is the first of the chain with the others warm, so
// that the two differ in what waking a chain costs and not in what the
// functions do. The same way as the chain's, to notifyUser's effect, is measured
// with that one cold and with none: what is left of the chain's time is the way,
// and what waking the other two adds.
type cold struct {
	Empty latency `json:"empty"`
	One   latency `json:"one"`
	Chain latency `json:"chain"`
	// SameWayOneCold is of the orders that One is of.
	SameWayOneCold latency `json:"same_way_one_cold"`
	SameWayWarm    latency `json:"same_way_warm"`
	// Rounds of each.
	Rounds int `json:"rounds"`
}

// idle is the mesh with all functions at zero.
type idle struct {
	MemoryMB   float64 `json:"memory_mb"`
	CPUPercent float64 `json:"cpu_percent"` // of one core
	Seconds    float64 `json:"seconds"`
}

// coldAndIdle measures both on meshes whose functions may go to zero. The two
// kinds of cold start take turns, so that both see the same machine.
func coldAndIdle(ctx context.Context, b *bench) (c cold, i idle, ready time.Duration, err error) {
	helloDir := filepath.Join(b.dir, "hello")
	if err := engine.Mesh(filepath.Join(b.root, "hack", "bench", "hello"), helloDir, engine.Sample{}); err != nil {
		return c, i, 0, err
	}
	hello, err := engine.Start(ctx, engine.Config{Bin: b.bin, Dir: helloDir})
	if err != nil {
		return c, i, 0, err
	}
	defer hello.Kill()
	chain, err := startOrders(ctx, b, filepath.Join(b.dir, "cold"), true)
	if err != nil {
		return c, i, 0, err
	}
	defer chain.Kill()

	order := func() (orders, error) {
		r, err := chain.run(ctx, 0, 1)
		if err == nil && r.Completed != 1 {
			err = fmt.Errorf("cold start of the chain: order not completed\n%s", chain.Output())
		}
		return r, err
	}
	if _, err := order(); err != nil { // the others are warm for the first round
		return c, i, 0, err
	}
	var empty, one, all, way, warm []time.Duration
	through := func(o orders) time.Duration { return time.Duration(o.EndToEnd.Mean * float64(time.Millisecond)) }
	for n := range b.coldRounds {
		if err := hello.Zero(ctx, "hello"); err != nil {
			return c, i, 0, err
		}
		o, err := load.Run(ctx, load.Config{Addr: hello.Addr(), Path: "/hello", Count: 1, Prefix: fmt.Sprintf("one%d-", n)})
		if err != nil {
			return c, i, 0, err
		}
		if !o[0].Accepted() {
			return c, i, 0, fmt.Errorf("cold start of one function: status %d\n%s", o[0].Status, hello.Output())
		}
		empty = append(empty, o[0].Took)

		r, err := order()
		if err != nil {
			return c, i, 0, err
		}
		warm = append(warm, through(r))
		if err := chain.Zero(ctx, "ingestOrder"); err != nil {
			return c, i, 0, err
		}
		if r, err = order(); err != nil {
			return c, i, 0, err
		}
		way = append(way, through(r))
		one = append(one, time.Duration(r.Accept.Mean*float64(time.Millisecond)))

		if err := zeroAll(ctx, chain.Engine); err != nil {
			return c, i, 0, err
		}
		if r, err = order(); err != nil {
			return c, i, 0, err
		}
		all = append(all, through(r))
	}
	c = cold{
		Empty: summarize(empty), One: summarize(one), Chain: summarize(all),
		SameWayOneCold: summarize(way), SameWayWarm: summarize(warm), Rounds: b.coldRounds,
	}

	if err := zeroAll(ctx, chain.Engine); err != nil {
		return c, i, 0, err
	}
	if i, err = measureIdle(ctx, chain.PID(), b.idle); err != nil {
		return c, i, 0, err
	}

	// Start once more, with nothing to build.
	if err := chain.close(); err != nil {
		return c, i, 0, err
	}
	again, err := engine.Start(ctx, engine.Config{Bin: b.bin, Dir: chain.Dir})
	if err != nil {
		return c, i, 0, err
	}
	ready = again.ReadyAfter
	return c, i, ready, again.Stop()
}

func zeroAll(ctx context.Context, e *engine.Engine) error {
	for _, f := range []string{"ingestOrder", "validateInventory", "notifyUser"} {
		if err := e.Zero(ctx, f); err != nil {
			return err
		}
	}
	return nil
}

// measureIdle looks at a process tree for a while and leaves it alone.
func measureIdle(ctx context.Context, pid int, d time.Duration) (idle, error) {
	before, err := cpu(pid)
	if err != nil {
		return idle{}, nil //nolint:nilerr // not Linux: not measured
	}
	start := time.Now()
	select {
	case <-ctx.Done():
		return idle{}, ctx.Err()
	case <-time.After(d):
	}
	after, err := cpu(pid)
	if err != nil {
		return idle{}, err
	}
	took := time.Since(start)
	m, err := memoryOf(pid)
	return idle{
		MemoryMB:   m.All,
		CPUPercent: round(100*float64(after-before)/float64(took), 2),
		Seconds:    round(took.Seconds(), 0),
	}, err
}
