//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/weftmesh/weft/hack/internal/effects"
	"github.com/weftmesh/weft/hack/internal/load"
)

// floors are what the same machine does without a mesh, in the same run.
type floors struct {
	// Services: three bare net/http services that call each other in a row
	// and do the same work.
	Services services `json:"services"`
	// HTTP is one bare net/http service, at the same rate.
	HTTP latency `json:"http_ms"`
	// ProcessStart is the time to start a bare net/http process and have its
	// first answer.
	ProcessStart latency `json:"process_start_ms"`
	// JetStreamPerSecond is embedded, in-process publish, consume and ack.
	JetStreamPerSecond float64 `json:"jetstream_per_second"`
}

type services struct {
	RatePerSecond float64 `json:"rate_per_second"`
	MaxPerSecond  float64 `json:"max_per_second"`
	EndToEnd      latency `json:"end_to_end_ms"`
	MemoryMB      float64 `json:"memory_mb"`
}

// child is a process of hack/bench/chain.
type child struct {
	cmd   *exec.Cmd
	stdin io.Closer
	addr  string
}

func startChild(bin string, args ...string) (*child, error) {
	c := &child{cmd: exec.Command(bin, args...)}
	c.cmd.Stderr = os.Stderr
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	c.stdin = in
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s %v printed no address: %w", bin, args, err), c.stop())
	}
	c.addr = strings.TrimSpace(line)
	return c, nil
}

func (c *child) stop() error {
	_ = c.stdin.Close() // it ends at the end of its input
	return c.cmd.Wait()
}

// measureFloors runs all of them; rate is that of the order run beside which
// they are printed.
func measureFloors(ctx context.Context, b *bench, rate float64) (floors, error) {
	var f floors
	bin := filepath.Join(b.dir, "chain")
	build := exec.CommandContext(ctx, "go", "build", "-o", bin, "./hack/bench/chain")
	build.Dir, build.Stderr = b.root, os.Stderr
	if err := build.Run(); err != nil {
		return f, fmt.Errorf("building hack/bench/chain: %w", err)
	}
	var err error
	if f.Services, err = measureServices(ctx, b, bin, rate); err != nil {
		return f, err
	}
	if f.HTTP, err = measureHTTP(ctx, b, bin, rate); err != nil {
		return f, err
	}
	if f.ProcessStart, err = measureStart(ctx, b, bin); err != nil {
		return f, err
	}
	f.JetStreamPerSecond, err = measureJetStream(ctx, b)
	return f, err
}

func measureServices(ctx context.Context, b *bench, bin string, rate float64) (s services, err error) {
	box, err := effects.Open()
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, box.Close()) }()
	next := box.Addr
	for _, part := range []string{"notify", "validate", "ingest"} {
		c, err := startChild(bin, part, next)
		if err != nil {
			return s, err
		}
		defer func() { err = errors.Join(err, c.stop()) }()
		next = "http://" + c.addr + "/orders"
	}
	next = strings.TrimSuffix(strings.TrimPrefix(next, "http://"), "/orders")
	run := 0
	try := func(ctx context.Context, rate float64, count int) (orders, error) {
		run++
		return direct(ctx, load.Config{Addr: next, Rate: rate, Count: count, Prefix: fmt.Sprintf("floor%03d-", run)})
	}
	warm, err := try(ctx, rate, int(rate))
	if err != nil || warm.Accepted == 0 {
		return s, errors.Join(err, fmt.Errorf("bare services took %d of %d orders", warm.Accepted, warm.Sent))
	}
	sampling, stop := context.WithCancel(ctx)
	most := make(chan memory, 1)
	go func() { most <- sampleMemory(sampling, os.Getpid(), time.Second) }()
	o, err := try(ctx, rate, int(rate*b.floor.Seconds()))
	stop()
	m := <-most
	if err != nil {
		return s, err
	}
	s.RatePerSecond, s.EndToEnd, s.MemoryMB = round(rate, 0), o.EndToEnd, round(m.All-m.Engine, 1)
	b.say("floor: the highest rate of three bare services in a row")
	s.MaxPerSecond, err = search(ctx, b, b.step, b.bisections, try)
	s.MaxPerSecond = round(s.MaxPerSecond, 0)
	return s, err
}

// direct is a run against a service whose answer is the end of the work.
func direct(ctx context.Context, c load.Config) (orders, error) {
	sent, err := load.Run(ctx, c)
	if err != nil {
		return orders{}, err
	}
	o := orders{Sent: len(sent)}
	var took []time.Duration
	for _, s := range sent {
		if s.Accepted() {
			o.Accepted++
			took = append(took, s.Took)
		}
	}
	o.Completed = o.Accepted
	o.Accept = summarize(took)
	o.EndToEnd = o.Accept
	return o, nil
}

func measureHTTP(ctx context.Context, b *bench, bin string, rate float64) (latency, error) {
	c, err := startChild(bin, "hello")
	if err != nil {
		return latency{}, err
	}
	o, err := direct(ctx, load.Config{Addr: c.addr, Rate: rate, Count: int(rate * b.floor.Seconds()), Prefix: "hello-"})
	return o.EndToEnd, errors.Join(err, c.stop())
}

func measureStart(ctx context.Context, b *bench, bin string) (latency, error) {
	var took []time.Duration
	for range b.coldRounds {
		start := time.Now()
		c, err := startChild(bin, "hello")
		if err != nil {
			return latency{}, err
		}
		o, err := direct(ctx, load.Config{Addr: c.addr, Count: 1, Prefix: "start-"})
		d := time.Since(start) - load.Lead
		if err = errors.Join(err, c.stop()); err != nil {
			return latency{}, err
		}
		if o.Accepted != 1 {
			return latency{}, errors.New("a bare service did not answer")
		}
		took = append(took, d)
	}
	return summarize(took), nil
}
