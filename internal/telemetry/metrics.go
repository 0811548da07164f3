package telemetry

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/weftmesh/weft/mesh/delivery"
)

// Sources answer questions at a scrape. They are asked at most once a second,
// with a context that ends soon. Any of them may be nil.
type Sources struct {
	// Queues returns what is in each function's queue, by function.
	Queues func(context.Context) map[string]delivery.Stats
	// DeadLetters counts the dead letters there are, by function.
	DeadLetters func(context.Context) map[string]int
	// Replicas counts the replicas that are ready, by function.
	Replicas func() map[string]int
}

const (
	sourceTimeout = 500 * time.Millisecond
	sourceMaxAge  = time.Second
)

// collector reads the counters of a Recorder out at a scrape.
type collector struct {
	r *Recorder

	invocations, durations, errors, coldStarts, retries *prometheus.Desc
	deadLettered, deadLetters, inFlight, breaker        *prometheus.Desc
	queue, replicas, active, routed, conditions         *prometheus.Desc
	dropped                                             *prometheus.Desc

	mu      sync.Mutex
	asked   time.Time
	queues  map[string]delivery.Stats
	letters map[string]int
}

func newCollector(r *Recorder) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, prometheus.Labels{"mesh": r.mesh})
	}
	return &collector{
		r:           r,
		invocations: desc("function_invocations_total", "Calls of the function that ended, every attempt counted.", "function"),
		durations:   desc("function_duration_seconds", "Time that calls took, the wait for a cold start excluded.", "function"),
		errors:      desc("function_errors_total", "Calls that failed.", "function"),
		coldStarts:  desc("function_cold_starts_total", "Calls that waited for a replica to start.", "function"),
		retries:     desc("function_retries_total", "Events put back for another attempt.", "function"),
		deadLettered: desc("function_dead_letters_total",
			"Events that became dead letters.", "function"),
		deadLetters: desc("function_dead_letters", "Dead letters that wait for someone to redrive or drop them.", "function"),
		inFlight:    desc("function_calls_active", "Calls under way.", "function"),
		breaker:     desc("function_circuit_breaker_state", "0 closed, 1 half-open, 2 open.", "function"),
		queue:       desc("function_queue_length", "Events in the function's queue that are not yet acknowledged.", "function"),
		replicas:    desc("function_replicas", "Replicas that are ready.", "function"),
		active:      desc("mesh_connections_active", "Deliveries under way on the link.", "link"),
		routed:      desc("mesh_events_routed_total", "Events that took the link.", "link"),
		conditions: desc("mesh_condition_failures_total",
			"Conditions that could not be evaluated, such as for a missing field.", "link"),
		dropped: desc("mesh_messages_dropped_total",
			"Messages of the topic or input binding that no queue can ever take.", "input"),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		c.invocations, c.durations, c.errors, c.coldStarts, c.retries, c.deadLettered, c.deadLetters,
		c.inFlight, c.breaker, c.queue, c.replicas, c.active, c.routed, c.conditions,
		c.dropped,
	} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	t := c.r.table.Load()
	queues, letters, replicas := c.ask()
	counter := func(d *prometheus.Desc, v uint64, label string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), label)
	}
	gauge := func(d *prometheus.Desc, v float64, label string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, label)
	}
	for _, name := range slices.Sorted(maps.Keys(t.byName)) {
		s := t.byName[name]
		counter(c.invocations, s.invocations.Load(), name)
		counter(c.errors, s.errors.Load(), name)
		counter(c.coldStarts, s.coldStarts.Load(), name)
		counter(c.retries, s.retries.Load(), name)
		counter(c.deadLettered, s.deadLetters.Load(), name)
		gauge(c.inFlight, float64(s.inFlight.Load()), name)
		gauge(c.breaker, float64(s.breaker.Load()), name)
		count, sum, buckets := s.durations.read()
		ch <- prometheus.MustNewConstHistogram(c.durations, count, sum, buckets, name)
		if q, ok := queues[name]; ok {
			gauge(c.queue, float64(q.Waiting+q.InFlight), name)
		}
		if letters != nil {
			gauge(c.deadLetters, float64(letters[name]), name)
		}
		if replicas != nil {
			gauge(c.replicas, float64(replicas[name]), name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.byLink)) {
		s := t.byLink[name]
		gauge(c.active, float64(s.active.Load()), name)
		counter(c.routed, s.routed.Load(), name)
		counter(c.conditions, s.conditionsFailed.Load(), name)
	}
	c.r.inputs.Range(func(name, n any) bool {
		counter(c.dropped, n.(*atomic.Uint64).Load(), name.(string))
		return true
	})
}

// ask returns the answers of the sources; those of the broker from the last
// second if there are any, so that many scrapers cost no more than one.
func (c *collector) ask() (map[string]delivery.Stats, map[string]int, map[string]int) {
	src := c.r.sources.Load()
	if src == nil {
		return nil, nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.r.now(); now.Sub(c.asked) > sourceMaxAge {
		ctx, cancel := context.WithTimeout(context.Background(), sourceTimeout)
		defer cancel()
		if src.Queues != nil {
			c.queues = src.Queues(ctx)
		}
		if src.DeadLetters != nil {
			c.letters = src.DeadLetters(ctx)
		}
		c.asked = now
	}
	var replicas map[string]int
	if src.Replicas != nil {
		replicas = src.Replicas()
	}
	return c.queues, c.letters, replicas
}

// Handler serves the metrics in Prometheus' formats, together with those of
// the engine's own process.
func (r *Recorder) Handler() http.Handler {
	own := prometheus.NewRegistry()
	own.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(prometheus.Gatherers{r.registry, own}, promhttp.HandlerOpts{
		ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4,
	})
}
