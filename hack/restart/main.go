//go:build unix

// Command restart proves that servers may be restarted under load: it runs the
// order mesh with its state in Redis, as the article has it, and its links on a
// broker of its own, restarts both in the middle, and then holds the accepted
// orders against mail, dead letters and stock. hack/restart.sh starts the
// servers and runs it.
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
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "restart:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	var (
		orders = flag.Int("orders", 5000, "how many")
		rate   = flag.Float64("rate", 250, "orders a second")
		broker = flag.String("broker", "nats", "what carries the links: nats, or redis, the one that has the state")
		how    = flag.String("how", "restart", "restart, or crash: the servers are killed")
		keep   = flag.Bool("keep", false, "keep the directory, to look at after a failure")
	)
	flag.Parse()
	s, err := findServers(os.Getenv, *broker, *how)
	if err != nil {
		return err
	}
	if s == nil {
		fmt.Println("restart: LEFT OUT: there is no Redis, or no", *broker)
		return nil
	}
	dir, err := os.MkdirTemp("", "weft-restart-")
	if err != nil {
		return err
	}
	if *keep {
		fmt.Println("directory:", dir)
	} else {
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	p, err := newProof(ctx, filepath.Join(dir, "mesh"), s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	started := time.Now()
	if err := p.run(ctx, *orders, *rate); err != nil {
		return fmt.Errorf("%w\n%s", err, p.engine.Output())
	}
	fmt.Printf("ok: %d orders accepted, %d with their mail, %d dead letters, stock reserved once for each; %d mails came again; %.0f s\n",
		p.accepted, p.mailed, p.dead, p.repeats, time.Since(started).Seconds())
	return nil
}
