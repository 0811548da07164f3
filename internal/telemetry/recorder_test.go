package telemetry

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
	"github.com/weftmesh/weft/mesh/meshtest"
)

const testMesh = `
metadata: {name: shop}
spec:
  functions: [{name: a}, {name: b}]
  connections: [{from: a, to: b}]
`

func scrape(t *testing.T, r *Recorder) map[string]string {
	t.Helper()
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	m := make(map[string]string)
	for l := range strings.Lines(w.Body.String()) {
		if i := strings.LastIndexByte(l, ' '); i > 0 && l[0] != '#' {
			m[l[:i]] = strings.TrimSpace(l[i:])
		}
	}
	return m
}

func TestMetrics(t *testing.T) {
	plan := meshtest.Plan(t, testMesh)
	r := NewRecorder(plan)
	a, b, link := plan.Function("a"), plan.Function("b"), plan.Links[0]
	asked := 0
	r.SetSources(Sources{
		Queues: func(context.Context) map[string]delivery.Stats {
			asked++
			return map[string]delivery.Stats{"b": {Waiting: 2, InFlight: 3}}
		},
		Replicas: func() map[string]int { return map[string]int{"a": 4} },
	})
	r.CallStarted(b, link)
	r.CallStarted(b, link)
	r.CallEnded(delivery.CallRecord{Function: b, Link: link, Duration: 30 * time.Millisecond, ColdStart: time.Millisecond, Err: errors.New("x")})
	r.CallStarted(a, nil)
	r.CallEnded(delivery.CallRecord{Function: a, Duration: time.Hour})
	r.Retrying(delivery.CallRecord{Function: b}, time.Second)
	r.DeadLettered(delivery.DeadLetter{Function: "b"})
	r.BreakerChanged(b, delivery.BreakerOpen)
	r.ConditionFailed(link, errors.New("no such key"))
	r.Routed(a, link, nil)
	for _, input := range []string{"bus/orders", "clock"} {
		r.Input(input)
	}
	for _, input := range []string{"bus/orders", "bus/other"} {
		r.Dropped(input)
	}
	r.Input("bus/orders")
	scrape(t, r)
	got := scrape(t, r)
	for line, want := range map[string]string{
		`function_invocations_total{function="a",mesh="shop"}`:                  "1",
		`function_invocations_total{function="b",mesh="shop"}`:                  "1",
		`function_errors_total{function="b",mesh="shop"}`:                       "1",
		`function_cold_starts_total{function="b",mesh="shop"}`:                  "1",
		`function_retries_total{function="b",mesh="shop"}`:                      "1",
		`function_dead_letters_total{function="b",mesh="shop"}`:                 "1",
		`function_circuit_breaker_state{function="b",mesh="shop"}`:              "2",
		`function_calls_active{function="b",mesh="shop"}`:                       "1",
		`function_queue_length{function="b",mesh="shop"}`:                       "5",
		`function_replicas{function="a",mesh="shop"}`:                           "4",
		`function_duration_seconds_bucket{function="b",mesh="shop",le="0.025"}`: "0",
		`function_duration_seconds_bucket{function="b",mesh="shop",le="0.05"}`:  "1",
		`function_duration_seconds_bucket{function="a",mesh="shop",le="300"}`:   "0",
		`function_duration_seconds_bucket{function="a",mesh="shop",le="+Inf"}`:  "1",
		`function_duration_seconds_sum{function="a",mesh="shop"}`:               "3600",
		`mesh_connections_active{link="a->b",mesh="shop"}`:                      "1",
		`mesh_events_routed_total{link="a->b",mesh="shop"}`:                     "1",
		`mesh_condition_failures_total{link="a->b",mesh="shop"}`:                "1",
		`mesh_messages_dropped_total{input="bus/orders",mesh="shop"}`:           "1",
		`mesh_messages_dropped_total{input="clock",mesh="shop"}`:                "0",
		`mesh_messages_dropped_total{input="bus/other",mesh="shop"}`:            "",
	} {
		if got[line] != want {
			t.Errorf("%s is %q, want %s", line, got[line], want)
		}
	}
	if asked != 1 {
		t.Errorf("two scrapes in a row ask the broker once, and asked %d times", asked)
	}
}

func TestCountsOutliveAReload(t *testing.T) {
	before, after := meshtest.Plan(t, testMesh), meshtest.Plan(t, strings.Replace(testMesh, "{name: b}]", "{name: b}, {name: c}]", 1))
	r := NewRecorder(before)
	call := func(p *mesh.Plan) {
		r.CallStarted(p.Function("b"), p.Links[0])
		r.CallEnded(delivery.CallRecord{Function: p.Function("b"), Link: p.Links[0]})
	}
	call(before)
	r.CallStarted(before.Function("b"), before.Links[0])
	r.SetPlan(after)
	call(after)
	r.CallEnded(delivery.CallRecord{Function: before.Function("b"), Link: before.Links[0]})
	if f := r.Function("b"); f.Invocations != 3 || f.InFlight != 0 {
		t.Errorf("figures after the reload: %+v", f)
	}
	if _, active := r.Link("a->b"); active != 0 {
		t.Errorf("%d deliveries seem to be under way", active)
	}
	if _, ok := scrape(t, r)[`function_invocations_total{function="c",mesh="shop"}`]; !ok {
		t.Error("a function without calls is at 0")
	}
}

func TestLastMinute(t *testing.T) {
	plan := meshtest.Plan(t, testMesh)
	r := NewRecorder(plan)
	now := r.started.Add(time.Hour)
	r.now = func() time.Time { return now }
	for i := range 100 {
		r.CallEnded(delivery.CallRecord{Function: plan.Function("a"), Duration: time.Duration(i+1) * time.Millisecond})
	}
	f := r.Function("a")
	near := func(got, want time.Duration) bool { return got > want*8/10 && got < want*12/10 }
	if !near(f.P50, 50*time.Millisecond) || !near(f.P95, 95*time.Millisecond) || f.PerSecond < 1.5 || f.PerSecond > 1.7 {
		t.Errorf("figures: %+v", f)
	}
	now = now.Add(2 * time.Minute)
	if f := r.Function("a"); f.P95 != 0 || f.PerSecond != 0 || f.Invocations != 100 {
		t.Errorf("figures two minutes later: %+v", f)
	}
}

func TestJourneys(t *testing.T) {
	plan := meshtest.Plan(t, testMesh)
	r := NewRecorder(plan)
	a, b, link := plan.Function("a"), plan.Function("b"), plan.Links[0]
	start := time.Unix(1_700_000_000, 0)
	order := func(n int) (trace string) {
		trace = fmt.Sprintf("%032x", n+1)
		e := event.New()
		e.SetExtension("traceparent", "00-"+trace+"-00000000000000aa-01")
		_ = e.SetData("application/json", map[string]string{"customerId": "c-1", "orderId": fmt.Sprint("o-", n)})
		at := start.Add(time.Duration(n) * time.Second)
		r.CallEnded(delivery.CallRecord{Function: a, Trigger: "http", EventID: fmt.Sprint("e-", n), TraceID: trace, SpanID: "00000000000000aa",
			Started: at, Duration: 2 * time.Millisecond})
		r.Routed(a, link, &e)
		r.CallEnded(delivery.CallRecord{Function: b, Link: link, Trigger: "link", EventID: fmt.Sprint("f-", n), TraceID: trace,
			SpanID: "00000000000000bb", ParentID: "00000000000000aa", Enqueued: at.Add(2 * time.Millisecond),
			Started: at.Add(5 * time.Millisecond), Duration: 5 * time.Millisecond, Err: errors.New("no"), Final: n == 1})
		return trace
	}
	for n := range 3 {
		order(n)
	}
	traces := r.Traces(2)
	var keys []string
	for _, tr := range traces {
		keys = append(keys, tr.Key)
	}
	if diff := cmp.Diff([]string{"o-2", "o-1"}, keys); diff != "" {
		t.Errorf("newest first, by the key that is the order's own: %s", diff)
	}
	if traces[0].Error || !traces[1].Error {
		t.Error("a trace is in error if a failure was final")
	}
	for name, key := range map[string]string{"trace id": fmt.Sprintf("%032x", 2), "event id": "f-1", "business key": "o-1"} {
		tr, ok := r.Trace(key)
		if !ok || len(tr.Calls) != 2 || tr.Duration != 10 || tr.Calls[1].QueueMilliseconds != 3 || tr.Calls[1].ParentID != tr.Calls[0].SpanID {
			t.Errorf("by %s: %+v", name, tr)
		}
	}
	if tr, ok := r.Trace("c-1"); !ok || tr.Key != "o-2" {
		t.Errorf("a key of several traces stands for the newest: %+v", tr)
	}
	if _, ok := r.Trace("o-9"); ok {
		t.Error("a key that was not seen is not found")
	}
	for n := 3; n < maxCalls; n++ {
		order(n)
	}
	if _, ok := r.Trace("o-1"); ok {
		t.Error("the oldest are forgotten")
	}
	if len(r.Traces(maxCalls)) != maxCalls/2 {
		t.Errorf("%d traces are remembered", len(r.Traces(maxCalls)))
	}
}

func TestBusinessKeys(t *testing.T) {
	cases := map[string]struct {
		reason, data string
		want         []string
	}{
		"ids":       {"fields named as ids are", `{"id":"1","orderId":"2","user_id":"3"}`, []string{"1", "2", "3"}},
		"three":     {"three are enough", `{"aId":"1","bId":"2","cId":"3","dId":"4"}`, []string{"1", "2", "3"}},
		"others":    {"others are not", `{"idea":"1","name":"2","paid":"3"}`, nil},
		"deep":      {"only at the top", `{"order":{"id":"1"},"items":[{"id":"2"}],"id":"3"}`, []string{"3"}},
		"numbers":   {"only text", `{"id":1,"orderId":"x"}`, []string{"x"}},
		"escapes":   {"what needs decoding is left out", `{"id":"a\"b","orderId":"x\\"}`, nil},
		"array":     {"no list has keys", `[{"id":"1"}]`, nil},
		"cut":       {"half of it is no reason to fail", `{"id":"1","orderId":"2`, []string{"1"}},
		"not JSON":  {"nor is something else", `id=1`, nil},
		"empty":     {"an empty value is none", `{"id":""}`, nil},
		"long":      {"a long value is none", `{"id":"` + strings.Repeat("x", 65) + `"}`, nil},
		"value ids": {"a value is not a name", `{"a":"id","b":"x"}`, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var found [maxKeysPerEvent]string
			n := businessKeys([]byte(c.data), &found)
			if diff := cmp.Diff(c.want, append([]string(nil), found[:n]...)); diff != "" {
				t.Errorf("%s: %s", c.reason, diff)
			}
		})
	}
}

func FuzzBusinessKeys(f *testing.F) {
	f.Add([]byte(`{"id":"1","a":{"b":[1,"x"]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var found [maxKeysPerEvent]string
		for _, key := range found[:businessKeys(data, &found)] {
			if key == "" || len(key) > maxKeyLength*3 {
				t.Errorf("key %q", key)
			}
		}
	})
}

func TestRecorderConcurrently(t *testing.T) {
	plan := meshtest.Plan(t, testMesh)
	r := NewRecorder(plan)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 500 {
				r.CallStarted(plan.Function("b"), plan.Links[0])
				r.CallEnded(delivery.CallRecord{Function: plan.Function("b"), Link: plan.Links[0], TraceID: fmt.Sprintf("%032x", g*1000+i+1)})
				if i%100 == 0 {
					r.SetPlan(plan)
					r.Traces(10)
				}
			}
		})
	}
	wg.Wait()
	if f := r.Function("b"); f.Invocations != 2000 || f.InFlight != 0 {
		t.Errorf("figures: %+v", f)
	}
}

func BenchmarkCall(b *testing.B) {
	plan := meshtest.Plan(b, testMesh)
	r := NewRecorder(plan)
	f, l := plan.Function("b"), plan.Links[0]
	e := event.New()
	e.SetExtension("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	_ = e.SetData("application/json", []byte(`{"orderId":"o-1","customerId":"c-1","items":[{"sku":"a","quantity":1}]}`))
	c := delivery.CallRecord{Function: f, Link: l, Trigger: "link", EventID: "e-1", Started: time.Now(),
		TraceID: "0af7651916cd43dd8448eb211c80319c", SpanID: "b7ad6b7169203331", ParentID: "b7ad6b7169203332"}
	b.ReportAllocs()
	for b.Loop() {
		r.CallStarted(f, l)
		r.Routed(f, l, &e)
		r.CallEnded(c)
	}
}
