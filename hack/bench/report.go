//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what BENCH_OUT receives.
type report struct {
	Time  time.Time `json:"time"`
	Quick bool      `json:"quick"`
	// Mail says how it left the mesh.
	Mail    string  `json:"mail"`
	Machine machine `json:"machine"`
	Orders  orders  `json:"orders"`
	Burst   orders  `json:"burst_1000"`
	Memory  memory  `json:"memory_mb"`
	// Processor is of the run that Orders is of.
	Processor processor `json:"cpu_us_per_order"`
	Cold      cold      `json:"cold_start_ms"`
	Idle      idle      `json:"idle"`
	// ReadyMS is the time from start to taking traffic, nothing to build.
	ReadyMS float64  `json:"ready_ms"`
	Cost    cost     `json:"cost_per_million_orders"`
	Floors  floors   `json:"floors"`
	Builder building `json:"builder"`
	Article article  `json:"article"`
}

type machine struct {
	Go    string `json:"go"`
	OS    string `json:"os"`
	CPUs  int    `json:"cpus"`
	Model string `json:"model,omitempty"`
}

func thisMachine() machine {
	m := machine{Go: runtime.Version(), OS: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU()}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(line, "model name"); ok {
				m.Model = strings.TrimSpace(strings.TrimLeft(rest, "\t :"))
				break
			}
		}
	}
	return m
}

// cost is the article's last row. GB-seconds are the memory of all processes
// times the seconds that a million orders take at the rate of the run.
type cost struct {
	GBSeconds float64 `json:"gb_seconds"`
	USD       float64 `json:"usd"`
	Price     string  `json:"price"`
}

// The price of a GB-second is public and names a known product; the comparison
// is of memory over time only, and says nothing of requests, traffic or disks.
const (
	usdPerGBSecond = 0.0000166667
	priceName      = "0.0000166667 USD a GB-second (AWS Lambda, x86, us-east-1, list price)"
)

func costOf(memoryMB, perSecond float64) cost {
	gb := memoryMB / 1024 * 1e6 / perSecond
	return cost{GBSeconds: round(gb, 1), USD: round(gb*usdPerGBSecond, 4), Price: priceName}
}

// article holds the figures that the article gives for 1,000 concurrent
// orders, printed beside ours.
type article struct {
	Mesh          articleRow `json:"mesh"`
	Microservices articleRow `json:"microservices"`
}

type articleRow struct {
	MeanMS        float64 `json:"mean_ms"`
	P95MS         float64 `json:"p95_ms"`
	MemoryMB      float64 `json:"memory_mb"`
	ColdStartMS   float64 `json:"cold_start_ms"`
	USDPerMillion float64 `json:"usd_per_million"`
}

var theArticle = article{
	Mesh:          articleRow{98, 180, 1.2 * 1024, 800, 28},
	Microservices: articleRow{245, 450, 2.4 * 1024, 3200, 45},
}

// write writes the report as JSON.
func (r report) write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// print prints the report as a table: each figure beside its target, its
// floor and the article's.
func (r report) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name string, value float64, unit string, most bool, target float64, floor, article string) {
		verdict, bound := "", ""
		if value == 0 {
			verdict = "not measured"
		} else if target > 0 {
			ok := value >= target
			bound = fmt.Sprintf("≥ %g", target)
			if most {
				ok, bound = value <= target, fmt.Sprintf("≤ %g", target)
			}
			verdict = map[bool]string{true: "ok", false: "miss"}[ok]
		}
		if strings.HasPrefix(floor, "0 ") {
			floor = "not measured"
		}
		fmt.Fprintf(t, "%s\t%g %s\t%s\t%s\t%s\t%s\n", name, value, unit, bound, verdict, floor, article)
	}
	zero := func(name string, n int) {
		fmt.Fprintf(t, "%s\t%d\t= 0\t%s\t\t\n", name, n, map[bool]string{true: "ok", false: "miss"}[n == 0])
	}
	a, m, f := r.Article.Mesh, r.Article.Microservices, r.Floors
	both := func(mesh, services float64, unit string) string {
		return fmt.Sprintf("%g %s (its microservices %g)", mesh, unit, services)
	}
	fmt.Fprintf(t, "figure\tmeasured\ttarget\t\tfloor in this run\tthe article\n")
	row("highest rate R with p95 in 180 ms", r.Orders.MaxPerSecond, "/s", false, 1500, fmt.Sprintf("%g /s (three bare services)", f.Services.MaxPerSecond), "")
	row("run", r.Orders.RatePerSecond, "/s", false, 0, "", "")
	row("accept, mean", r.Orders.Accept.Mean, "ms", true, 50, fmt.Sprintf("%g ms (one bare service)", f.HTTP.Mean), "")
	row("accept, p95", r.Orders.Accept.P95, "ms", true, 0, fmt.Sprintf("%g ms", f.HTTP.P95), "")
	row("end to end, mean", r.Orders.EndToEnd.Mean, "ms", true, 98, fmt.Sprintf("%g ms (three bare services)", f.Services.EndToEnd.Mean), both(a.MeanMS, m.MeanMS, "ms"))
	row("end to end, p95", r.Orders.EndToEnd.P95, "ms", true, 180, fmt.Sprintf("%g ms", f.Services.EndToEnd.P95), both(a.P95MS, m.P95MS, "ms"))
	row("end to end, p99", r.Orders.EndToEnd.P99, "ms", true, 0, fmt.Sprintf("%g ms", f.Services.EndToEnd.P99), "")
	zero("orders lost", r.Orders.Lost)
	zero("orders doubled", r.Orders.Doubled)
	row("burst of 1,000, mean", r.Burst.EndToEnd.Mean, "ms", true, 0, "", both(a.MeanMS, m.MeanMS, "ms"))
	row("burst of 1,000, p95", r.Burst.EndToEnd.P95, "ms", true, 0, "", both(a.P95MS, m.P95MS, "ms"))
	zero("burst, lost", r.Burst.Lost+r.Burst.Sent-r.Burst.Accepted)
	row("memory under load", r.Memory.All, "MB", true, 150, fmt.Sprintf("%g MB (three bare services)", f.Services.MemoryMB), both(a.MemoryMB, m.MemoryMB, "MB"))
	row("  of it the engine", r.Memory.Engine, "MB", true, 0, "", "")
	row("processor for an order, engine", r.Processor.Engine, "us", true, 0, "", "")
	row("  functions", r.Processor.Functions, "us", true, 0, "", "")
	row("  client and mail server", r.Processor.Client, "us", true, 0, "", "")
	row("cold start, empty function, p95", r.Cold.Empty.P95, "ms", true, 25, fmt.Sprintf("%g ms (bare process)", f.ProcessStart.P95), "")
	row("cold start of one, p95", r.Cold.One.P95, "ms", true, 25, "", both(a.ColdStartMS, m.ColdStartMS, "ms"))
	row("cold start of the chain, p95", r.Cold.Chain.P95, "ms", true, round(1.5*r.Cold.One.P95, 2), "", "")
	row("  the same way with one cold, p95", r.Cold.SameWayOneCold.P95, "ms", true, 0, "", "")
	row("  with none cold, p95", r.Cold.SameWayWarm.P95, "ms", true, 0, "", "")
	row("idle memory", r.Idle.MemoryMB, "MB", true, 40, "", "")
	row("idle processor", r.Idle.CPUPercent, "%", true, 0.5, "", "")
	row("ready after start", r.ReadyMS, "ms", true, 1000, "", "")
	row("GB-seconds for a million orders", r.Cost.GBSeconds, "GB s", true, 0, "", "")
	row("  at a list price", r.Cost.USD, "USD", true, 0, "", both(a.USDPerMillion, m.USDPerMillion, "USD"))
	row("in-process JetStream", f.JetStreamPerSecond, "/s", true, 0, "(is a floor)", "")
	r.Builder.rows(row)
	fmt.Fprintf(t, "\nPrice: %s. Machine: %d CPUs, %s, %s, %s.\n", r.Cost.Price, r.Machine.CPUs, r.Machine.Model, r.Machine.OS, r.Machine.Go)
	return t.Flush()
}
