//go:build unix

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/weftmesh/weft/hack/internal/engine"
	"github.com/weftmesh/weft/hack/internal/load"
	"github.com/weftmesh/weft/samples/ledger"
	"github.com/weftmesh/weft/samples/order-processing/shop"
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

// plenty is in stock, so that no run sells out.
const plenty = 1 << 40

// outbox follows the ledger in which notifyUser's effects appear.
type outbox struct {
	file   *ledger.File
	prefix string
	sent   []time.Time // by order number
	total  int
	twice  int
}

func openOutbox(dir string) (*outbox, error) {
	o := &outbox{}
	var err error
	o.file, err = ledger.Open(filepath.Join(dir, ".weft", "outbox.ledger"), o.apply)
	return o, err
}

func (o *outbox) apply(r ledger.Record) error {
	n, ok := load.Number(o.prefix, r.Key)
	if !ok || n >= len(o.sent) {
		return nil
	}
	if !o.sent[n].IsZero() {
		o.twice++
		return nil
	}
	o.sent[n] = r.Time
	o.total++
	return nil
}

// expect starts the count of another run, whose ids begin with prefix.
func (o *outbox) expect(prefix string, count int) {
	o.prefix, o.sent, o.total, o.twice = prefix, make([]time.Time, count), 0, 0
}

// await reads until want effects are there, or the time is over.
func (o *outbox) await(ctx context.Context, want int, most time.Duration, every time.Duration) error {
	deadline := time.Now().Add(most)
	for {
		if err := o.file.Update(func(*ledger.Tx) error { return nil }); err != nil {
			return err
		}
		if o.total >= want || time.Now().After(deadline) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}

// fixture is an engine on the order mesh, and its effects.
type fixture struct {
	*engine.Engine
	box  *outbox
	runs int
}

// startOrders starts an engine on a copy of the order mesh in dir.
func startOrders(ctx context.Context, b *bench, dir string, zero bool) (*fixture, error) {
	if err := engine.Mesh(filepath.Join(b.root, "samples", "order-processing"), dir, zero); err != nil {
		return nil, err
	}
	stock, err := shop.OpenStock("file:"+filepath.Join(dir, ".weft", "orders.ledger"), map[string]int{"tea-100": plenty})
	if err != nil {
		return nil, err
	}
	if err := stock.Close(); err != nil {
		return nil, err
	}
	e, err := engine.Start(ctx, engine.Config{Bin: b.bin, Dir: dir})
	if err != nil {
		return nil, err
	}
	box, err := openOutbox(dir)
	if err != nil {
		e.Kill()
		return nil, err
	}
	return &fixture{Engine: e, box: box}, nil
}

// run sends count orders at rate (0: at once) and waits for their effects.
func (f *fixture) run(ctx context.Context, rate float64, count int) (orders, error) {
	f.runs++
	prefix := fmt.Sprintf("bench%d-%03d-", f.PID(), f.runs)
	f.box.expect(prefix, count)
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
	if err := f.box.await(ctx, o.Accepted, drainTime, 50*time.Millisecond); err != nil {
		return orders{}, err
	}
	for n, s := range sent {
		switch done := f.box.sent[n]; {
		case !s.Accepted():
		case done.IsZero():
			o.Lost++
		default:
			o.Completed++
			through = append(through, done.Round(0).Sub(s.Due.Round(0)))
		}
	}
	o.Doubled = f.box.twice
	o.Accept, o.EndToEnd = summarize(accept), summarize(through)
	return o, nil
}

// close stops the engine.
func (f *fixture) close() error {
	_ = f.box.file.Close() // it was only read
	return f.Stop()
}
