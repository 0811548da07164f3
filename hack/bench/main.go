//go:build unix

// Command bench measures the order mesh under load, on this machine, beside
// what the machine does without a mesh. make bench runs it.
//
// The environment: BENCH_OUT names a file for the figures as JSON, and
// BENCH_QUICK=1 asks for a rough run of under a minute. A figure that misses
// its target is printed as such and is no failure.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/weftmesh/weft/hack/internal/effects"
	"github.com/weftmesh/weft/hack/internal/engine"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench is the plan of a run.
type bench struct {
	root, bin, dir string
	// step of the search, and how often the gap is halved.
	step       time.Duration
	bisections int
	// long is the run at 0.7 of the highest rate, floor that of the floors.
	long, floor time.Duration
	coldRounds  int
	idle        time.Duration
	messages    int
	// turns of each host, of turn each, and rebuilds of a program.
	turns    int
	turn     time.Duration
	rebuilds int
	// openBox opens what takes the mail.
	openBox func() (*effects.Box, error)
}

func (b *bench) say(format string, args ...any) { fmt.Printf(format+"\n", args...) }

func plan(quick bool) *bench {
	if quick {
		return &bench{step: 1500 * time.Millisecond, bisections: 1, long: 8 * time.Second, floor: 2 * time.Second,
			coldRounds: 8, idle: 4 * time.Second, messages: 20_000,
			turns: 5, turn: 100 * time.Millisecond, rebuilds: 1}
	}
	return &bench{step: 10 * time.Second, bisections: 3, long: time.Minute, floor: 10 * time.Second,
		coldRounds: 30, idle: 20 * time.Second, messages: 200_000,
		turns: 15, turn: 200 * time.Millisecond, rebuilds: 5}
}

func run(ctx context.Context) (err error) {
	quick := os.Getenv("BENCH_QUICK") == "1"
	b := plan(quick)
	only := flag.String("only", "", "load, cold, floors or builder: that part only; the other figures are 0")
	rate := flag.Float64("rate", 0, "orders a second of -only floors, or of -only load instead of 0.7 of the highest")
	mail := flag.String("mail", "smtp", "how mail leaves the mesh: smtp, or http, which costs little")
	flag.Parse()
	switch *mail {
	case "smtp":
		b.openBox = effects.Open
	case "http":
		b.openBox = effects.OpenHTTP
	default:
		return fmt.Errorf("-mail is %q: smtp or http", *mail)
	}
	if b.root, err = engine.Root(); err != nil {
		return err
	}
	b.bin = filepath.Join(b.root, "bin", "weft")
	if b.dir, err = os.MkdirTemp("", "weft-bench-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.dir)) }()

	r := report{Time: time.Now().UTC().Truncate(time.Second), Quick: quick, Mail: *mail, Machine: thisMachine(), Article: theArticle}
	if *only == "" || *only == "cold" {
		b.say("cold starts, %d rounds, and %v of idleness", b.coldRounds, b.idle)
		var ready time.Duration
		if r.Cold, r.Idle, ready, err = coldAndIdle(ctx, b); err != nil {
			return err
		}
		r.ReadyMS = ms(ready)
	}
	if *only == "" || *only == "load" {
		if err := underLoad(ctx, b, &r, *rate); err != nil {
			return err
		}
		*rate = r.Orders.RatePerSecond
	}
	if *only == "" || *only == "floors" {
		b.say("floors")
		if r.Floors, err = measureFloors(ctx, b, max(*rate, 1000)); err != nil {
			return err
		}
	}
	if *only == "" || *only == "builder" {
		b.say("hosts, rebuilds and an image")
		if r.Builder, err = measureBuilder(ctx, b); err != nil {
			return err
		}
	}
	b.say("")
	if err := r.print(os.Stdout); err != nil {
		return err
	}
	if out := os.Getenv("BENCH_OUT"); out != "" {
		return r.write(out)
	}
	return nil
}

// underLoad fills in orders, burst, memory and cost. The steady run has an
// engine of its own: what the search left behind, of replicas and of backlog,
// is not the load that it measures. A rate that is not zero saves the search.
func underLoad(ctx context.Context, b *bench, r *report, rate float64) error {
	most := rate / 0.7
	if rate == 0 {
		var err error
		if most, err = highest(ctx, b); err != nil {
			return err
		}
		rate = max(0.7*most, lowestTry)
	}
	return withOrders(ctx, b, "load", func(f *fixture) (err error) {
		b.say("%.0f orders a second for %v", rate, b.long)
		sampling, stop := context.WithCancel(ctx)
		sampled := make(chan memory, 1)
		go func() { sampled <- sampleMemory(sampling, f.PID(), 2*time.Second) }()
		r.Processor, err = measureProcessor(f.PID(), func() (_ int, err error) {
			r.Orders, err = f.run(ctx, rate, int(rate*b.long.Seconds()))
			return r.Orders.Completed, err
		})
		stop()
		r.Memory = <-sampled
		if err != nil {
			return err
		}
		r.Orders.MaxPerSecond = round(most, 0)
		r.Cost = costOf(r.Memory.All, rate)
		b.say("a burst of 1,000")
		r.Burst, err = f.run(ctx, 0, 1000)
		return err
	})
}

func highest(ctx context.Context, b *bench) (most float64, err error) {
	err = withOrders(ctx, b, "search", func(f *fixture) (err error) {
		b.say("the highest rate with an end-to-end p95 within %v, steps of %v", limit, b.step)
		most, err = search(ctx, b, b.step, b.bisections, f.run)
		return err
	})
	return most, err
}

// withOrders runs use with an order mesh of its own, warmed up.
func withOrders(ctx context.Context, b *bench, name string, use func(*fixture) error) (err error) {
	f, err := startOrders(ctx, b, filepath.Join(b.dir, name), false)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w\n%s", err, f.Output())
		}
		err = errors.Join(err, f.close())
	}()
	if _, err := f.run(ctx, 200, 200); err != nil { // connections, caches, replicas
		return err
	}
	return use(f)
}
