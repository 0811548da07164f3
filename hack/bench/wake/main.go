// Command wake measures how soon KEDA wakes what is at zero: a function with
// scaler: keda, from an event that is durable to its handler, and dispatchers
// beside the front's, from a backlog to a container that runs. Two meshes take
// turns: in one KEDA polls the broker, in the other fronts tell KEDA.
//
// It needs the cluster of make cluster-up, on this machine: handlers tell this
// process when they were called, by the machine's clock. It is run in the
// repository's directory; -rounds 20 takes half an hour.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// ways of the meshes, which are named after them.
var ways = []way{{"polled", []string{"--keda-polls"}}, {"told", nil}}

type way struct {
	name string
	args []string // of weft render
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "wake:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	rounds := flag.Int("rounds", 20, "rounds of each measurement")
	registry := flag.String("to", "198.18.8.2:5000", "`REGISTRY` of the cluster")
	listen := flag.String("listen", "198.18.8.1:0", "`ADDRESS` of this machine that pods reach")
	flag.Parse()
	c, err := open(ctx, *registry, *listen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close(context.WithoutCancel(ctx))) }()
	for _, m := range []struct {
		what    string
		measure func(context.Context, string) (time.Duration, error)
	}{
		{"function: event to handler", c.function},
		{"dispatchers: backlog to container", c.dispatchers},
	} {
		took := make(map[string][]time.Duration)
		for round := range *rounds {
			for _, w := range ways {
				d, err := m.measure(ctx, w.name)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", m.what, w.name, err)
				}
				fmt.Printf("%2d %s, %s: %.2f s\n", round+1, m.what, w.name, d.Seconds())
				took[w.name] = append(took[w.name], d)
			}
		}
		for _, w := range ways {
			fmt.Printf("%s, %s: %s\n", m.what, w.name, summary(took[w.name]))
		}
	}
	return nil
}
