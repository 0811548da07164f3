//go:build unix

// Command dapr measures the Dapr API of weft up beside a real daprd: state and
// pub/sub through Dapr's Go client on loopback, with the same components, each
// call of one after the same call of the other; and the memory of both. make
// bench-dapr runs it.
//
// The environment: BENCH_OUT names a file for the figures as JSON, BENCH_QUICK=1
// asks for a rough run, WEFT_TEST_REDIS is the address of a Redis for durable
// pub/sub, without which that figure is left out.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/weftmesh/weft/hack/internal/engine"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench dapr:", err)
		os.Exit(1)
	}
}

// report is what BENCH_OUT receives.
type report struct {
	Time    time.Time `json:"time"`
	Quick   bool      `json:"quick"`
	Go      string    `json:"go"`
	CPUs    int       `json:"cpus"`
	Figures []figure  `json:"figures"`
	Memory  memory    `json:"memory_mb"`
}

// figure compares one operation.
type figure struct {
	Name  string  `json:"name"`
	Calls int     `json:"calls"`
	Daprd latency `json:"daprd_us"`
	Weft  latency `json:"weft_us"`
}

// latency is in microseconds.
type latency struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// memory is the proportional set size (smaps_rollup) in MB of 2^20 bytes; zero
// where there is none. Functions are three processes beside the engine, each of
// which has daprd beside it where daprd serves.
type memory struct {
	DaprdIdle     float64 `json:"daprd_idle"`
	DaprdLoaded   float64 `json:"daprd_loaded"`
	EngineIdle    float64 `json:"engine_idle"`
	EngineLoaded  float64 `json:"engine_loaded"`
	WithFunctions float64 `json:"engine_and_functions_loaded"`
}

func run(ctx context.Context) (err error) {
	path := flag.String("daprd", "", "the program; bin/daprd if empty, which hack/daprd.sh builds")
	flag.Parse()
	root, err := engine.Root()
	if err != nil {
		return err
	}
	if *path == "" {
		*path = filepath.Join(root, "bin", "daprd")
	}
	dir, err := os.MkdirTemp("", "weft-bench-dapr-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	r := report{Time: time.Now().UTC().Truncate(time.Second), Quick: os.Getenv("BENCH_QUICK") == "1", Go: runtime.Version(), CPUs: runtime.NumCPU()}
	calls := 5000
	if r.Quick {
		calls = 500
	}
	daprd, err := startDaprd(ctx, *path, filepath.Join(dir, "daprd"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, daprd.stop()) }()
	weft, err := startWeft(ctx, root, filepath.Join(dir, "weft"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, weft.stop()) }()

	// Both have just started: what that took is given back while nothing happens.
	settle := 20 * time.Second
	if r.Quick {
		settle = 5 * time.Second
	}
	if err := pause(ctx, settle); err != nil {
		return err
	}
	if r.Memory.DaprdIdle, err = pss(daprd.pid); err != nil {
		return err
	}
	if r.Memory.EngineIdle, err = pss(weft.pid); err != nil {
		return err
	}
	for _, m := range measures() {
		f, err := compare(ctx, m, calls, daprd, weft)
		if err != nil {
			return fmt.Errorf("%s: %w", m.name, err)
		}
		r.Figures = append(r.Figures, f)
	}
	if r.Memory.DaprdLoaded, err = pss(daprd.pid); err != nil {
		return err
	}
	if r.Memory.EngineLoaded, err = pss(weft.pid); err != nil {
		return err
	}
	r.Memory.WithFunctions = r.Memory.EngineLoaded
	for _, child := range children(weft.pid) {
		mb, err := pss(child)
		if err != nil {
			return err
		}
		r.Memory.WithFunctions = round(r.Memory.WithFunctions + mb)
	}
	if err := r.print(os.Stdout); err != nil {
		return err
	}
	if out := os.Getenv("BENCH_OUT"); out != "" {
		b, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		return os.WriteFile(out, append(b, '\n'), 0o644)
	}
	return nil
}

// measure is an operation of one side. It returns how long it took.
type measure struct {
	name string
	once func(ctx context.Context, s *side, n int) (time.Duration, error)
	// share of the calls that are made, where one takes long.
	share int
}

// compare has the sides take turns, each beginning every other one.
func compare(ctx context.Context, m measure, calls int, a, b *side) (figure, error) {
	calls /= max(m.share, 1)
	warm := calls / 10
	var took [2][]time.Duration
	for n := range warm + calls {
		for turn := range 2 {
			i := (n + turn) % 2
			d, err := m.once(ctx, []*side{a, b}[i], n)
			if err != nil {
				return figure{}, fmt.Errorf("%s: %w", []*side{a, b}[i].name, err)
			}
			if n >= warm {
				took[i] = append(took[i], d)
			}
		}
	}
	return figure{Name: m.name, Calls: calls, Daprd: summarize(took[0]), Weft: summarize(took[1])}, nil
}

func summarize(ds []time.Duration) latency {
	slices.Sort(ds)
	at := func(p int) float64 { return round(float64(ds[(len(ds)-1)*p/100]) / float64(time.Microsecond)) }
	return latency{P50: at(50), P99: at(99)}
}

func (r *report) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "microseconds\tcalls\tdaprd p50\tweft p50\tdaprd p99\tweft p99\t")
	for _, f := range r.Figures {
		fmt.Fprintf(t, "%s\t%d\t%.0f\t%.0f\t%.0f\t%.0f\t\n", f.Name, f.Calls, f.Daprd.P50, f.Weft.P50, f.Daprd.P99, f.Weft.P99)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	m := r.Memory
	_, err := fmt.Fprintf(w, "\nmemory: one daprd %.0f MB idle, %.0f MB after; the engine %.0f MB idle, %.0f MB after, with three functions %.0f MB\n",
		m.DaprdIdle, m.DaprdLoaded, m.EngineIdle, m.EngineLoaded, m.WithFunctions)
	return err
}
