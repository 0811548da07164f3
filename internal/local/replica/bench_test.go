package replica

import (
	"context"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"
)

// benchManager runs three functions; WEFT_BENCH_FUNCTION names another binary
// than the tests' own.
func benchManager(b *testing.B, observer func(Event)) *Manager {
	b.Helper()
	plan := newPlan("f", "g", "h")
	m, err := New(Options{Plan: plan, Dir: b.TempDir(), Data: b.TempDir(), Observer: observer, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = m.Stop(context.Background()) })
	for _, f := range plan.Functions {
		if err := m.SetCode(context.Background(), f, Code{Binary: benchBinary()}); err != nil {
			b.Fatal(err)
		}
	}
	return m
}

// BenchmarkColdStart is the time from a call to its answer with no process
// there: of one function, and of three in a row that are prewarmed together.
func BenchmarkColdStart(b *testing.B) {
	for name, n := range map[string]int{"One": 1, "Chain": 3} {
		b.Run(name, func(b *testing.B) {
			events := make(chan Event, 1024)
			m := benchManager(b, func(e Event) {
				if e.Kind == KindReady {
					events <- e
				}
			})
			var total, spawn, listen, ready []time.Duration
			for b.Loop() {
				b.StopTimer()
				if err := m.Zero(context.Background()); err != nil {
					b.Fatal(err)
				}
				for len(events) > 0 {
					<-events
				}
				b.StartTimer()
				began := time.Now()
				for i, f := range m.opts.Plan.Functions[:n] {
					if i == 0 {
						// Its own start first: the others have time.
						for _, f := range m.opts.Plan.Functions[:n] {
							m.Prewarm(f)
						}
					}
					e, err := m.Acquire(context.Background(), f)
					if err != nil {
						b.Fatal(err)
					}
					if _, err := request(context.Background(), e, "/version"); err != nil {
						b.Fatal(err)
					}
				}
				total = append(total, time.Since(began))
				e := <-events
				spawn, listen, ready = append(spawn, e.Spawn), append(listen, e.Listen), append(ready, e.Ready)
			}
			for unit, ds := range map[string][]time.Duration{"total": total, "spawn": spawn, "listen": listen, "ready": ready} {
				slices.Sort(ds)
				b.ReportMetric(ds[len(ds)/2].Seconds()*1000, unit+"-p50-ms")
				b.ReportMetric(ds[len(ds)*95/100].Seconds()*1000, unit+"-p95-ms")
			}
		})
	}
}

func benchBinary() string {
	if path := os.Getenv("WEFT_BENCH_FUNCTION"); path != "" {
		return path
	}
	return binaries[0]
}

// BenchmarkAcquire is the price of a place on a warm replica.
func BenchmarkAcquire(b *testing.B) {
	m := benchManager(b, nil)
	f := m.opts.Plan.Functions[0]
	e, err := m.Acquire(context.Background(), f)
	if err != nil {
		b.Fatal(err)
	}
	e.Release(false)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			e, err := m.Acquire(context.Background(), f)
			if err != nil {
				b.Error(err)
				return
			}
			e.Release(false)
		}
	})
}
