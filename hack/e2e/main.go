// Command e2e proves a real cluster: it installs the controller, deploys the
// article's mesh and small ones of its own with the command line, and watches
// orders go through, replicas come and go, and nothing get lost while pods are
// killed. hack/e2e.sh finds the cluster and runs it.
//
// Each step prints a line with its time. Steps that others build on always run.
// What it measures goes to standard output, and as JSON to -out.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
}

// step is one thing that is proved.
type step struct {
	name string
	// within bounds it.
	within time.Duration
	// always says that others build on it.
	always bool
	run    func(context.Context, *env) error
	// tidy removes what it has made and nobody needs any more; nil for nothing.
	tidy func(context.Context, *env) error
}

var steps = []step{
	{"install", 15 * time.Minute, true, install, nil},
	{"namespace", 5 * time.Minute, true, prepare, nil},
	{"article-ready", 8 * time.Minute, true, deployArticle, nil},
	{"orders", 5 * time.Minute, false, orders, nil},
	{"zero", 4 * time.Minute, false, toZero, nil},
	{"wake-article", 3 * time.Minute, false, wakeArticle, nil},
	{"state", 4 * time.Minute, false, stateKept, nil},
	{"wake-chain", 12 * time.Minute, false, wakeChain, tidyChain},
	{"wake-keda", 10 * time.Minute, false, wakeKEDA, tidyBacklog},
	{"backlog", 15 * time.Minute, false, backlog, tidyBacklog},
	{"kills", 12 * time.Minute, false, kills, tidyBacklog},
	{"rollout", 8 * time.Minute, false, rollout, tidyRollout},
	{"foreign-scaler", 6 * time.Minute, false, foreignScaler, tidyScaler},
	{"deletion", 3 * time.Minute, false, deletion, nil},
	{"minimum", 8 * time.Minute, false, minimum, tidyMinimum},
}

func run(ctx context.Context) error {
	e := &env{figures: make(map[string]any)}
	only := flag.String("run", "", "`REGEXP` of the steps to run; those that others build on always run")
	flag.StringVar(&e.registry, "to", os.Getenv("WEFT_REGISTRY"), "`REGISTRY` that images are pushed to, and that the cluster pulls from")
	flag.BoolVar(&e.insecure, "insecure", os.Getenv("WEFT_INSECURE") == "true", "let the registry be spoken to in plain HTTP")
	flag.StringVar(&e.overlay, "overlay", cmp.Or(os.Getenv("E2E_OVERLAY"), "manifests/overlays/local"), "`DIR` of what is installed: base with its NATS server")
	flag.StringVar(&e.redis, "redis", cmp.Or(os.Getenv("E2E_REDIS"), "redis.default.svc.cluster.local"), "`HOST` of a Redis without password, for the article's component")
	flag.StringVar(&e.namespace, "namespace", "weft-e2e", "`NAMESPACE` to work in; it is made, and removed")
	flag.StringVar(&e.nats, "nats", os.Getenv("E2E_NATS"), "`NAMESPACE/POD` of the NATS server whose queues of the namespace are removed in the end; none if empty")
	flag.StringVar(&e.killer, "kill", os.Getenv("E2E_KILL"), "`PROGRAM` that kills a container, by its id, without a word to it; without one, pods are only deleted")
	flag.StringVar(&e.keda, "keda", "keda", "`NAMESPACE` of KEDA's operator")
	out := flag.String("out", os.Getenv("E2E_OUT"), "`FILE` for the figures, as JSON")
	flag.BoolVar(&e.keep, "keep", false, "leave everything on the cluster, to look at")
	flag.BoolVar(&e.reuse, "reuse", false, "go on with what a run with -keep has left: install nothing, and take the article's mesh as it is")
	flag.Parse()
	if e.registry == "" {
		return errors.New("-to or WEFT_REGISTRY is missing: a registry that the cluster pulls from")
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	if err := e.open(); err != nil {
		return err
	}
	defer e.close()
	begun := time.Now()
	if e.reuse {
		err = e.adopt(ctx)
	}
	if err == nil {
		err = e.all(ctx, wanted)
	}
	e.figures["seconds"] = seconds(time.Since(begun))
	if !e.keep {
		err = errors.Join(err, e.step(context.WithoutCancel(ctx), step{"clean", 5 * time.Minute, true, clean, nil}))
	}
	if *out != "" {
		b, jerr := json.MarshalIndent(e.figures, "", "  ")
		err = errors.Join(err, jerr, os.WriteFile(*out, append(b, '\n'), 0o644))
	}
	return err
}

// all runs the steps; one that fails does not keep the others from running,
// unless they build on it.
func (e *env) all(ctx context.Context, wanted *regexp.Regexp) (err error) {
	for _, s := range steps {
		if !s.always && !wanted.MatchString(s.name) || s.always && e.reuse {
			continue
		}
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
		failed := e.step(ctx, s)
		err = errors.Join(err, failed)
		if failed != nil && s.always {
			return err
		}
	}
	return err
}

func (e *env) step(ctx context.Context, s step) error {
	start := time.Now()
	fmt.Printf("=== %s\n", s.name)
	bounded, cancel := context.WithTimeoutCause(ctx, s.within, fmt.Errorf("it took more than %v", s.within))
	defer cancel()
	err := s.run(bounded, e)
	took := time.Since(start)
	if err != nil {
		fmt.Printf("--- FAIL %s (%.1f s): %v\n", s.name, took.Seconds(), err)
		e.look(context.WithoutCancel(ctx))
	}
	if s.tidy != nil && !e.keep {
		tidying, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
		defer cancel()
		if terr := s.tidy(tidying, e); terr != nil {
			fmt.Printf("    tidying up after %s: %v\n", s.name, terr)
			err = errors.Join(err, terr)
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	fmt.Printf("--- ok %s (%.1f s)\n", s.name, took.Seconds())
	return nil
}

// figure notes a measurement.
func (e *env) figure(name string, value any, text string) {
	e.figures[name] = value
	fmt.Printf("    %-36s %v  %s\n", name, value, text)
}

func seconds(d time.Duration) float64 {
	return float64(d.Round(10*time.Millisecond)) / float64(time.Second)
}
