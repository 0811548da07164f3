//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSummarize(t *testing.T) {
	var ds []time.Duration
	for i := 100; i > 0; i-- {
		ds = append(ds, time.Duration(i)*time.Millisecond)
	}
	if diff := cmp.Diff(latency{Mean: 50.5, P50: 50, P95: 95, P99: 99}, summarize(ds)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(latency{Mean: 3, P50: 3, P95: 3, P99: 3}, summarize([]time.Duration{3 * time.Millisecond})); diff != "" {
		t.Errorf("of one (-want +got):\n%s", diff)
	}
}

func TestSearch(t *testing.T) {
	tests := map[string]struct {
		reason  string
		most    float64 // the rate that a pretended system holds
		low, up float64 // where the result must lie
	}{
		"between":  {"found by halving", 3000, 2700, 3000},
		"slow":     {"far below the first try", 130, 110, 130},
		"hopeless": {"no rate holds: a figure, not an error", 0, 0, 0},
		"endless":  {"the search is bounded", 1e9, 10_000, highestTry},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := search(t.Context(), &bench{}, time.Second, 5, func(_ context.Context, rate float64, count int) (orders, error) {
				o := orders{Sent: count, Accepted: count}
				if rate > tc.most {
					o.EndToEnd.P95 = 1000
				}
				return o, nil
			})
			if err != nil || got < tc.low || got > tc.up {
				t.Errorf("%s: %v, %v, want %v to %v", tc.reason, got, err, tc.low, tc.up)
			}
		})
	}
}

// TestKeys holds the report to the keys that its readers rely on.
func TestKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bench.json")
	r := report{Orders: orders{MaxPerSecond: 1, RatePerSecond: 1}, Cost: costOf(100, 1000), Article: theArticle}
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{
		"orders.sent", "orders.accepted", "orders.completed", "orders.lost", "orders.doubled", "orders.max_per_second",
		"orders.accept_ms.mean", "orders.accept_ms.p50", "orders.accept_ms.p95", "orders.accept_ms.p99",
		"orders.end_to_end_ms.mean", "orders.end_to_end_ms.p99", "burst_1000.end_to_end_ms.p95",
		"memory_mb.all", "cpu_us_per_order.engine", "memory_mb.engine", "cold_start_ms.one.p50", "cold_start_ms.one.p95",
		"cold_start_ms.chain.p50", "cold_start_ms.chain.p95", "idle.memory_mb", "idle.cpu_percent", "floors",
	} {
		var at any = doc
		for part := range strings.SplitSeq(key, ".") {
			m, _ := at.(map[string]any)
			if at = m[part]; at == nil {
				t.Errorf("%s is missing", key)
				break
			}
		}
	}
	var table bytes.Buffer
	if err := r.print(&table); err != nil || !strings.Contains(table.String(), "the article") {
		t.Errorf("table: %v\n%s", err, &table)
	}
}

func TestCost(t *testing.T) {
	// 1 GB for the 1,000 s that a million orders take at 1,000 a second.
	if c := costOf(1024, 1000); c.GBSeconds != 1000 || c.USD != 0.0167 {
		t.Errorf("cost = %+v", c)
	}
}
