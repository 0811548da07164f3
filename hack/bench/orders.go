//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/weftmesh/weft/hack/internal/effects"
	"github.com/weftmesh/weft/hack/internal/engine"
	"github.com/weftmesh/weft/hack/internal/load"
)

// orders is the result of a run of orders through the mesh.
type orders struct {
	RatePerSecond float64 `json:"rate_per_second,omitempty"`
	Sent          int     `json:"sent"`
	Accepted      int     `json:"accepted"`
	Completed     int     `json:"completed"`
	// Lost were accepted and had no effect within the drain time; Doubled had
	// more than one.
	Lost         int     `json:"lost"`
	Doubled      int     `json:"doubled"`
	MaxPerSecond float64 `json:"max_per_second,omitempty"`
	Accept       latency `json:"accept_ms"`
	EndToEnd     latency `json:"end_to_end_ms"`
}

// drainTime is how long after the last answer effects are waited for.
const drainTime = 60 * time.Second

// fixture is an engine on the order mesh, and the server that takes its mail.
type fixture struct {
	*engine.Engine
	box  *effects.Box
	runs int
}

// startOrders starts an engine on a copy of the order mesh in dir.
func startOrders(ctx context.Context, b *bench, dir string, zero bool) (_ *fixture, err error) {
	f := new(fixture)
	if f.box, err = b.openBox(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.box.Close())
		}
	}()
	if err := engine.Mesh(filepath.Join(b.root, "samples", "order-processing"), dir, engine.Sample{Zero: zero, Mail: f.box.Component}); err != nil {
		return nil, err
	}
	f.Engine, err = engine.Start(ctx, engine.Config{Bin: b.bin, Dir: dir})
	return f, err
}

// run sends count orders at rate (0: at once) and waits for their effects.
func (f *fixture) run(ctx context.Context, rate float64, count int) (orders, error) {
	f.runs++
	prefix := fmt.Sprintf("bench%d-%03d-", f.PID(), f.runs)
	before, twice := f.box.Orders()
	sent, err := load.Run(ctx, load.Config{Addr: f.Addr(), Rate: rate, Count: count, Prefix: prefix})
	if err != nil {
		return orders{}, err
	}
	o := orders{RatePerSecond: round(rate, 0), Sent: count}
	var accept, through []time.Duration
	for _, s := range sent {
		if s.Accepted() {
			o.Accepted++
			accept = append(accept, s.Took)
		}
	}
	if err := f.await(ctx, before+o.Accepted); err != nil {
		return orders{}, err
	}
	for n, s := range sent {
		switch mail := f.box.About(load.ID(prefix, n)); {
		case !s.Accepted():
		case mail.Count == 0:
			o.Lost++
		default:
			o.Completed++
			through = append(through, mail.First.Sub(s.Due))
		}
	}
	_, now := f.box.Orders()
	o.Doubled = now - twice
	o.Accept, o.EndToEnd = summarize(accept), summarize(through)
	return o, nil
}

// await waits until there is mail about want orders, or the time is over.
func (f *fixture) await(ctx context.Context, want int) error {
	deadline := time.Now().Add(drainTime)
	for {
		if n, _ := f.box.Orders(); n >= want || time.Now().After(deadline) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// close stops the engine.
func (f *fixture) close() error { return errors.Join(f.Stop(), f.box.Close()) }
