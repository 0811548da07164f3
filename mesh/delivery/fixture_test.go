package delivery_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"sigs.k8s.io/yaml"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/bindings/jetstream"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// compile makes a plan of the spec of a mesh named shop.
func compile(tb testing.TB, spec string) *mesh.Plan {
	tb.Helper()
	fm := &v1beta1.FunctionMesh{}
	text := "apiVersion: functions.openfunction.io/v1beta1\nkind: FunctionMesh\nmetadata: {name: shop}\nspec:\n" + spec
	if err := yaml.UnmarshalStrict([]byte(text), fm); err != nil {
		tb.Fatal(err)
	}
	plan, problems := mesh.Compile(fm)
	if err := problems.Err(); err != nil {
		tb.Fatal(err)
	}
	return plan
}

// engine is a broker, functions and a dispatcher.
type engine struct {
	tb     testing.TB
	plan   *mesh.Plan
	broker delivery.Broker
	*delivery.Dispatcher
	seen *observer
	stop func()
}

// start runs a dispatcher whose functions are the handlers by name; a function
// without one answers 204.
func start(tb testing.TB, spec string, handlers map[string]http.HandlerFunc, change ...func(*delivery.Config)) *engine {
	tb.Helper()
	plan := compile(tb, spec)
	s, err := jetstream.Start(tb.Context(), jetstream.Options{Dir: tb.TempDir(), Namespace: "default", Mesh: "shop", Logger: quiet()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return run(tb, plan, s, serve(tb, plan, handlers), change...)
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func run(tb testing.TB, plan *mesh.Plan, broker delivery.Broker, ends delivery.Endpoints, change ...func(*delivery.Config)) *engine {
	tb.Helper()
	seen := &observer{events: make(chan seen, 1<<16)}
	cfg := delivery.Config{Plan: plan, Broker: broker, Endpoints: ends, Observer: seen, Logger: quiet()}
	for _, c := range change {
		c(&cfg)
	}
	d, err := delivery.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				tb.Errorf("Run: %v", err)
			}
		})
	}
	tb.Cleanup(stop)
	return &engine{tb: tb, plan: plan, broker: broker, Dispatcher: d, seen: seen, stop: stop}
}

// submit routes data as the output of a call of the function with the id.
func (e *engine) submit(function, id, data string) delivery.Routed {
	e.tb.Helper()
	r, err := e.Submit(context.Background(), outcome(e.plan.Function(function), id, data))
	if err != nil {
		e.tb.Fatal(err)
	}
	return r
}

func outcome(f *mesh.Function, id, data string) delivery.Outcome {
	out, err := delivery.DataEvent("application/json", []byte(data))
	if err != nil {
		panic(err)
	}
	return delivery.Outcome{
		Function: f, InputSource: "/test", InputID: id, Status: mesh.StatusSuccess,
		Outputs:     []delivery.Output{{Event: out}},
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
	}
}

// idle waits until a queue has nothing left.
func (e *engine) idle(function string) {
	e.tb.Helper()
	deadline := time.Now().Add(patience)
	for {
		s, err := e.broker.Stats(context.Background(), delivery.QueueName(e.plan.Function(function)))
		if err != nil {
			e.tb.Fatal(err)
		}
		if s.Waiting+s.InFlight == 0 {
			return
		}
		if time.Now().After(deadline) {
			e.tb.Fatalf("queue of %s still has %+v", function, s)
		}
		time.Sleep(time.Millisecond) // polls a state that nobody announces
	}
}

func (e *engine) deadLetters() []delivery.DeadLetter {
	e.tb.Helper()
	ds, err := e.broker.DeadLetters().List(context.Background(), "", 0)
	if err != nil {
		e.tb.Fatal(err)
	}
	return ds
}

// seen is one call of an Observer method.
type seen struct {
	what  string
	call  delivery.CallRecord
	f     *mesh.Function
	link  *mesh.Link
	pause time.Duration
	dead  delivery.DeadLetter
	state delivery.BreakerState
	err   error
}

type observer struct{ events chan seen }

func (o *observer) CallStarted(f *mesh.Function, l *mesh.Link) {
	o.events <- seen{what: "started", f: f, link: l}
}
func (o *observer) CallEnded(c delivery.CallRecord) {
	o.events <- seen{what: "ended", f: c.Function, call: c}
}
func (o *observer) Routed(f *mesh.Function, l *mesh.Link, _ *event.Event) {
	o.events <- seen{what: "routed", f: f, link: l}
}
func (o *observer) Retrying(c delivery.CallRecord, p time.Duration) {
	o.events <- seen{what: "retrying", f: c.Function, call: c, pause: p}
}
func (o *observer) DeadLettered(d delivery.DeadLetter) { o.events <- seen{what: "dead", dead: d} }
func (o *observer) BreakerChanged(f *mesh.Function, s delivery.BreakerState) {
	o.events <- seen{what: "breaker", f: f, state: s}
}
func (o *observer) ConditionFailed(l *mesh.Link, err error) {
	o.events <- seen{what: "condition", link: l, err: err}
}

// await returns the next thing seen of that kind.
func (e *engine) await(what string) seen {
	e.tb.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case s := <-e.seen.events:
			if s.what == what {
				return s
			}
		case <-timer.C:
			e.tb.Fatalf("never saw %q", what)
		}
	}
}

// servers are functions, each one replica.
type servers struct {
	urls      map[*mesh.Function]string
	transport http.RoundTripper

	mu          sync.Mutex
	unavailable map[*mesh.Function]error
	noTimeout   bool
	prewarmed   map[string]int
	acquired    map[string]int
	broken      int
}

func serve(tb testing.TB, plan *mesh.Plan, handlers map[string]http.HandlerFunc) *servers {
	s := &servers{
		urls: make(map[*mesh.Function]string), unavailable: make(map[*mesh.Function]error),
		prewarmed: make(map[string]int), acquired: make(map[string]int),
	}
	for _, f := range plan.Functions {
		h := handlers[f.Name]
		if h == nil {
			h = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
		}
		srv := httptest.NewServer(h)
		tb.Cleanup(srv.Close)
		s.urls[f] = srv.URL
	}
	return s
}

func (s *servers) Acquire(_ context.Context, f *mesh.Function) (delivery.Endpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acquired[f.Name]++
	if err := s.unavailable[f]; err != nil {
		return delivery.Endpoint{}, err
	}
	return delivery.Endpoint{
		URL: s.urls[f], Token: "token-" + f.Name, Transport: s.transport, NoTimeout: s.noTimeout,
		Release: func(broken bool) {
			if broken {
				s.mu.Lock()
				s.broken++
				s.mu.Unlock()
			}
		},
	}, nil
}

func (s *servers) Prewarm(f *mesh.Function) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prewarmed[f.Name]++
}

func (s *servers) setUnavailable(f *mesh.Function, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unavailable[f] = err
}

// requests keeps what a function was called with.
type requests struct {
	mu   sync.Mutex
	list []request
}

type request struct {
	header http.Header
	body   string
}

// then records a request and answers by the next function.
func (r *requests) then(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.mu.Lock()
		r.list = append(r.list, request{header: req.Header.Clone(), body: string(body)})
		r.mu.Unlock()
		next(w, req)
	}
}

func (r *requests) all() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]request(nil), r.list...)
}

func answer(code int, data any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(data)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }

func broker(tb testing.TB) delivery.Broker {
	tb.Helper()
	s, err := jetstream.Start(tb.Context(), jetstream.Options{Dir: tb.TempDir(), Namespace: "default", Mesh: "shop", Logger: quiet()})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = s.Close() })
	return s
}

func (s *servers) count(function string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.acquired[function]
}

func input(id, data string) *event.Event {
	e := event.New()
	e.SetID(id)
	e.SetSource("/test")
	e.SetType("test")
	_ = e.SetData("application/json", json.RawMessage(data))
	return &e
}

// decodeHeader undoes the percent-encoding of an attribute.
func decodeHeader(s string) (string, error) { return url.PathUnescape(s) }
