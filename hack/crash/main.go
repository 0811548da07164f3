//go:build unix

// Command crash proves that killing processes loses nothing: it runs the order
// mesh under load, kills a random process of it (a function or the engine)
// with SIGKILL in each round, and then holds the accepted orders against the
// effects and the dead letters. hack/crash.sh builds and runs it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	var (
		rounds = flag.Int("rounds", 50, "how often a process is killed")
		rate   = flag.Float64("rate", 200, "orders a second")
		pause  = flag.Duration("every", 2*time.Second, "length of a round's load; the kill comes at some time within it")
		seed   = flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the choice of processes and times")
		keep   = flag.Bool("keep", false, "keep the directory, to look at after a failure")
	)
	flag.Parse()
	dir, err := os.MkdirTemp("", "weft-crash-")
	if err != nil {
		return err
	}
	if *keep {
		fmt.Println("directory:", dir)
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	fmt.Printf("%d rounds of %v at %.0f orders/s, seed %d\n", *rounds, *pause, *rate, *seed)
	p, err := newProof(ctx, filepath.Join(dir, "mesh"), rand.New(rand.NewPCG(*seed, 0)))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	for n := range *rounds {
		if err := p.round(ctx, n, *rate, *pause); err != nil {
			return fmt.Errorf("round %d (seed %d): %w\n%s", n+1, *seed, err, p.engine.Output())
		}
	}
	fmt.Printf("ok: %d orders accepted, %d with their mail, %d dead letters, stock reserved once for each; %d mails came again after %d kills of what sends them\n",
		p.accepted, p.effects, p.dead, p.repeats, p.senders)
	return nil
}
