package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// world is a gateway with what it needs around it.
type world struct {
	t        *testing.T
	plan     *mesh.Plan
	gateway  *Gateway
	server   *httptest.Server
	function http.HandlerFunc

	mu        sync.Mutex
	urls      []string // of the function's replicas, in the order of calls
	acquired  int
	broken    []bool
	prewarmed []string
	outcomes  []delivery.Outcome
	submitErr error
	acquire   func(ctx context.Context) error
	ended     chan delivery.CallRecord
}

const testMesh = "shop"

// newWorld has functions in, linked to next and to errors where a call fails,
// and alone, which is linked to nothing.
func newWorld(t *testing.T, function http.HandlerFunc, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, function: function, ended: make(chan delivery.CallRecord, 64)}
	timeout := 10 * time.Second
	fm := &v1beta1.FunctionMesh{}
	fm.Name = testMesh
	route := func(path string) []v1beta1.Trigger { return []v1beta1.Trigger{{Type: v1beta1.TriggerHTTP, Path: path}} }
	fm.Spec.Functions = []v1beta1.Function{
		{Name: "in", Triggers: route("/in/")}, {Name: "next"}, {Name: "errors"}, {Name: "alone", Triggers: route("/alone")},
	}
	fm.Spec.Connections = []v1beta1.Connection{{From: "in", To: "next"}, {From: "in", To: "errors", Condition: "status == 'error'"}}
	plan, problems := mesh.Compile(fm)
	if err := problems.Errors().Err(); err != nil {
		t.Fatal(err)
	}
	w.plan = plan
	for _, f := range plan.Functions {
		f.Timeout = timeout
	}
	fs := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.function(rw, r) }))
	t.Cleanup(fs.Close)
	w.urls = []string{fs.URL}
	cfg := Config{Plan: plan, Endpoints: w, Dispatcher: w, Observer: w, Logger: slog.New(slog.DiscardHandler)}
	for _, c := range change {
		c(&cfg)
	}
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	w.gateway = g
	w.server = httptest.NewServer(g)
	t.Cleanup(w.server.Close)
	return w
}

func (w *world) Acquire(ctx context.Context, _ *mesh.Function) (delivery.Endpoint, error) {
	if w.acquire != nil {
		if err := w.acquire(ctx); err != nil {
			return delivery.Endpoint{}, err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	address := w.urls[min(w.acquired, len(w.urls)-1)]
	w.acquired++
	return delivery.Endpoint{URL: address, Release: func(broken bool) {
		w.mu.Lock()
		w.broken = append(w.broken, broken)
		w.mu.Unlock()
	}}, nil
}

func (w *world) Prewarm(f *mesh.Function) {
	w.mu.Lock()
	w.prewarmed = append(w.prewarmed, f.Name)
	w.mu.Unlock()
}

func (w *world) Submit(_ context.Context, o delivery.Outcome) (delivery.Routed, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.submitErr != nil {
		return delivery.Routed{}, w.submitErr
	}
	w.outcomes = append(w.outcomes, o)
	return delivery.Routed{Queued: 1}, nil
}

func (w *world) CallStarted(*mesh.Function, *mesh.Link) {}

func (w *world) CallEnded(c delivery.CallRecord) { w.ended <- c }

func (w *world) do(method, path, body string, header ...string) *http.Response {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.server.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func text(t *testing.T, resp *http.Response) string {
	t.Helper()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func answerJSON(rw http.ResponseWriter, _ *http.Request) {
	rw.Header().Set("Content-Type", "application/json")
	fmt.Fprint(rw, `{"ok":true}`)
}

func TestRequestReachesTheFunction(t *testing.T) {
	var got *http.Request
	var body []byte
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		got = r.Clone(context.Background())
		body, _ = io.ReadAll(r.Body)
		rw.Header().Set("X-Own", "yes")
		rw.Header().Set(contract.HeaderEmitted, "1")
		rw.WriteHeader(http.StatusCreated)
	})
	resp := w.do("POST", "/in/a%2Fb/c?q=1&q=2", "hello",
		"Ce-Id", "1", "Ce-Specversion", "1.0", "Weft-Token", "t", "Weft-Event-Id", "mine", "X-Trace-Id", "mine",
		"X-Forwarded-For", "1.2.3.4", "Connection", "X-Hop", "X-Hop", "1", "Te", "trailers",
		"X-Kept", "a", "X-Kept", "b", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Tracestate", "k=v",
		"Idempotency-Key", "key-1")
	if resp.StatusCode != http.StatusCreated || resp.Header.Get("X-Own") != "yes" {
		t.Errorf("answer: %s %v", resp.Status, resp.Header)
	}
	if resp.Header.Get(contract.HeaderEmitted) != "" {
		t.Error("Weft-Emitted is between host and engine, and reached the client")
	}
	if got.RequestURI != "/in/a%2Fb/c?q=1&q=2" {
		t.Errorf("the path changed on the way: %s", got.RequestURI)
	}
	if string(body) != "hello" || got.ContentLength != 5 {
		t.Errorf("body: %q, length %d", body, got.ContentLength)
	}
	for _, name := range []string{"Ce-Id", "Ce-Specversion", "Weft-Token", "X-Hop", "Te", "Connection"} {
		if v := got.Header.Get(name); v != "" {
			t.Errorf("%s: %s came through", name, v)
		}
	}
	if diff := cmp.Diff([]string{"a", "b"}, got.Header["X-Kept"]); diff != "" {
		t.Errorf("headers of the client: %s", diff)
	}
	if v := got.Header.Get(contract.HeaderEventID); v != "key-1" {
		t.Errorf("the Idempotency-Key is the event's id, and that is %q", v)
	}
	trace := got.Header.Get(contract.HeaderTraceParent)
	if !strings.HasPrefix(trace, "00-0af7651916cd43dd8448eb211c80319c-") || strings.Contains(trace, "b7ad6b7169203331") {
		t.Errorf("the trace goes on with a span of its own: %s", trace)
	}
	if got.Header.Get(contract.HeaderTraceID) != "0af7651916cd43dd8448eb211c80319c" || got.Header.Get("Tracestate") != "k=v" {
		t.Errorf("trace headers: %v", got.Header)
	}
	if got.Header.Get("X-Forwarded-For") != "127.0.0.1" {
		t.Errorf("X-Forwarded-For comes from the gateway alone: %s", got.Header.Get("X-Forwarded-For"))
	}
	c := <-w.ended
	if c.Trigger != "http" || c.StatusCode != http.StatusCreated || c.EventID != "key-1" || c.ParentID != "b7ad6b7169203331" || c.Outputs != 1 || c.Err != nil {
		t.Errorf("record of the call: %+v", c)
	}
	if diff := cmp.Diff([]string{"in", "next", "errors"}, w.prewarmed); diff != "" {
		t.Errorf("the function itself, then what the links lead to, is warmed up: %s", diff)
	}
}

func TestRefusals(t *testing.T) {
	cases := map[string]struct {
		reason       string
		method, path string
		body         string
		header       []string
		status       int
		says         string
	}{
		"no route":   {"a wrong path names the nearest", "POST", "/ink", "", nil, 404, "/in/"},
		"events":     {"CloudEvents come from inside only", "POST", "/in/x", "{}", []string{"Content-Type", "application/cloudevents+json"}, 415, "CloudEvents"},
		"batch":      {"batches as well", "POST", "/in/x", "[]", []string{"Content-Type", "application/CloudEvents-batch+json"}, 415, "CloudEvents"},
		"dots":       {"the function must not see another path than the route", "GET", "/in/../alone", "", nil, 400, "clean"},
		"too long":   {"bodies are bounded", "POST", "/in/x", strings.Repeat("x", 2000), nil, 413, "1000 bytes"},
		"key":        {"an id must be printable", "POST", "/in/x", "", []string{"Idempotency-Key", strings.Repeat("k", 256)}, 400, "Idempotency-Key"},
		"unavailble": {"who cannot be called says why", "POST", "/alone", "", nil, 503, "does not build: x.go:1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, func(http.ResponseWriter, *http.Request) { t.Error("the function was called") },
				func(cfg *Config) { cfg.MaxBody = 1000 })
			w.acquire = func(context.Context) error {
				return &delivery.UnavailableError{Function: "alone", Reason: "does not build: x.go:1", RetryAfter: 1500 * time.Millisecond}
			}
			resp := w.do(c.method, c.path, c.body, c.header...)
			body := text(t, resp)
			if resp.StatusCode != c.status || !strings.Contains(body, c.says) {
				t.Errorf("%s: got %d %s", c.reason, resp.StatusCode, body)
			}
			var p adminapi.Problem
			if err := json.Unmarshal([]byte(body), &p); err != nil || p.Error == "" {
				t.Errorf("the answer is a problem as JSON, and is %s", body)
			}
			if c.status == 503 && resp.Header.Get("Retry-After") != "2" {
				t.Errorf("Retry-After: %q", resp.Header.Get("Retry-After"))
			}
		})
	}
}

func TestOutput(t *testing.T) {
	cases := map[string]struct {
		reason       string
		method, path string
		function     http.HandlerFunc
		submitErr    error
		status       int
		want         []string // status and data of what is routed
	}{
		"json":     {"a JSON answer to POST is the output", "POST", "/in/", answerJSON, nil, 200, []string{`success {"ok":true}`}},
		"get":      {"GET has no output", "GET", "/in/", answerJSON, nil, 200, nil},
		"no links": {"without links there is nothing to route", "POST", "/alone", answerJSON, nil, 200, nil},
		"emitted": {"what was emitted replaces the answer", "POST", "/in/", func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set(contract.HeaderEmitted, "2")
			answerJSON(rw, r)
		}, nil, 200, nil},
		"text": {"only JSON is an output", "POST", "/in/", func(rw http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(rw, "plain")
		}, nil, 200, nil},
		"4xx": {"4xx routes nothing", "POST", "/in/", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			rw.WriteHeader(422)
			fmt.Fprint(rw, "{}")
		}, nil, 422, nil},
		"5xx": {"5xx is offered to links that take errors, with the input", "POST", "/in/", func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			rw.WriteHeader(500)
		}, nil, 500, []string{`error {"order":1}`}},
		"full": {"an output that is not durable is not accepted", "POST", "/in/", answerJSON,
			fmt.Errorf("queue of next: %w", delivery.ErrQueueFull), 503, nil},
		"event": {"an event is an output with its own attributes", "POST", "/in/", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/cloudevents+json")
			fmt.Fprint(rw, `{"specversion":"1.0","id":"1","source":"/x","type":"mine","data":[1]}`)
		}, nil, 200, []string{`success mine [1]`}},
		"binary": {"in any mode", "POST", "/in/", func(rw http.ResponseWriter, _ *http.Request) {
			for _, name := range []string{"id", "source", "type"} {
				rw.Header().Set("Ce-"+name, "mine")
			}
			rw.Header().Set("Ce-Specversion", "1.0")
			rw.WriteHeader(201)
		}, nil, 201, []string{`success mine `}},
		"batch": {"many at once, each to whom it says", "POST", "/in/", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/cloudevents-batch+json")
			fmt.Fprint(rw, `[{"specversion":"1.0","id":"1","source":"/x","type":"a","data":1},{"specversion":"1.0","id":"2","source":"/x","type":"b","weftto":"next","data":2}]`)
		}, nil, 200, []string{`success a 1`, `success b to next 2`}},
		"no batch": {"an empty batch is none", "POST", "/in/", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/cloudevents-batch+json")
			fmt.Fprint(rw, `[]`)
		}, nil, 200, nil},
		"empty": {"an empty body is no JSON, and no output", "POST", "/in/", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Content-Type", "application/json")
			_ = http.NewResponseController(rw).Flush()
		}, nil, 200, nil},
		"garbage": {"what says JSON and is none fails as it does behind a queue", "POST", "/in/", func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			rw.Header().Set("Content-Type", "application/json")
			fmt.Fprint(rw, `{oops`)
		}, nil, 502, []string{`error {"order":1}`}},
		"garbage event": {"so does an event", "POST", "/in/", func(rw http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			rw.Header().Set("Content-Type", "application/cloudevents+json")
			fmt.Fprint(rw, `{}`)
		}, nil, 502, []string{`error {"order":1}`}},
		"not linked": {"an output to a function that is not linked is final", "POST", "/in/", answerJSON,
			&delivery.NotLinkedError{From: "in", To: "nobody"}, 500, nil},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, c.function)
			w.submitErr = c.submitErr
			resp := w.do(c.method, c.path, `{"order":1}`, "Content-Type", "application/json", "Idempotency-Key", "k")
			body := text(t, resp)
			if resp.StatusCode != c.status {
				t.Errorf("%s: got %d %s", c.reason, resp.StatusCode, body)
			}
			<-w.ended
			w.server.Close() // waits for the request, and so for what is routed after the answer
			var got []string
			for _, o := range w.outcomes {
				for _, out := range o.Outputs {
					s := o.Status + " "
					if out.Event.Type() != "" {
						s += out.Event.Type() + " "
					}
					if out.To != "" {
						s += "to " + out.To + " "
					}
					got = append(got, s+string(out.Event.DataEncoded))
				}
				if o.InputID != "k" || o.InputSource == w.plan.Function("in").Source || o.TraceParent == "" {
					t.Errorf("identity of the outcome: %+v", o)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s: %s", c.reason, diff)
			}
			if c.status == 503 && resp.Header.Get("Retry-After") == "" {
				t.Error("503 without Retry-After")
			}
		})
	}
}

// TestRepeatedKey: a client may repeat a request that failed with the same key;
// what it is then told is accepted must not be taken for what failed.
func TestRepeatedKey(t *testing.T) {
	failed := false
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if !failed {
			failed = true
			rw.WriteHeader(500)
			return
		}
		answerJSON(rw, r)
	})
	for range 3 {
		_ = text(t, w.do("POST", "/in/", "{}", "Idempotency-Key", "k"))
		<-w.ended
	}
	w.server.Close()
	if len(w.outcomes) != 3 {
		t.Fatalf("%d outcomes, want the error and two successes", len(w.outcomes))
	}
	id := func(i int) string {
		return w.outcomes[i].Status + " " + w.outcomes[i].InputSource + " " + w.outcomes[i].InputID
	}
	if id(1) != id(2) {
		t.Errorf("%s and %s: the same request, repeated, must be the same input", id(1), id(2))
	}
	if w.outcomes[0].InputSource == w.outcomes[1].InputSource {
		t.Errorf("%s and %s: a link that takes both would drop the second", id(0), id(1))
	}
}

// TestOddContentType: a client's content type that no event can have does not
// lose the error's output.
func TestOddContentType(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		rw.WriteHeader(500)
	})
	_ = text(t, w.do("POST", "/in/", "{}", "Content-Type", "text/\xff"))
	<-w.ended
	w.server.Close()
	if len(w.outcomes) != 1 {
		t.Fatalf("%d outcomes, want the error's", len(w.outcomes))
	}
	e := w.outcomes[0].Outputs[0].Event
	if got := e.DataContentType(); got != "application/octet-stream" || string(e.DataEncoded) != "{}" {
		t.Errorf("%s %q", got, e.DataEncoded)
	}
}

func TestTimeout(t *testing.T) {
	release := make(chan struct{})
	w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
		case <-release:
		}
	})
	t.Cleanup(func() { close(release) })
	w.plan.Function("in").Timeout = 20 * time.Millisecond
	resp := w.do("POST", "/in/", `{"a":1}`, "Content-Type", "application/json")
	if body := text(t, resp); resp.StatusCode != http.StatusGatewayTimeout || !strings.Contains(body, "20ms") {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
	if c := <-w.ended; c.Err == nil {
		t.Error("a timeout is an error")
	}
	if len(w.outcomes) != 1 || w.outcomes[0].Status != mesh.StatusError {
		t.Errorf("a timeout is offered to links that take errors: %+v", w.outcomes)
	}
	if diff := cmp.Diff([]bool{false}, w.broken); diff != "" {
		t.Errorf("a slow replica is not a broken one: %s", diff)
	}
}

func TestStreamsAsItComes(t *testing.T) {
	next := make(chan struct{})
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(rw, "data: %d\n\n", i)
			_ = http.NewResponseController(rw).Flush()
			<-next
		}
	})
	resp := w.do("GET", "/in/", "")
	r := bufio.NewReader(resp.Body)
	for i := range 3 {
		line, err := r.ReadString('\n')
		if want := fmt.Sprintf("data: %d\n", i); err != nil || line != want {
			t.Fatalf("event %d: %q, %v", i, line, err)
		}
		_, _ = r.ReadString('\n')
		next <- struct{}{}
	}
	if rest := text(t, resp); rest != "" {
		t.Errorf("more than was sent: %q", rest)
	}
}

func TestLongBodyStreams(t *testing.T) {
	long := strings.Repeat("0123456789", 60_000)
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Trailer", "X-Sum")
		_ = http.NewResponseController(rw).EnableFullDuplex()
		n, _ := io.Copy(rw, r.Body)
		rw.Header().Set("X-Sum", fmt.Sprint(n))
	})
	resp := w.do("POST", "/in/", long)
	if got := text(t, resp); got != long {
		t.Errorf("%d bytes came back of %d", len(got), len(long))
	}
	if resp.Trailer.Get("X-Sum") != fmt.Sprint(len(long)) {
		t.Errorf("trailer: %v", resp.Trailer)
	}
}

func TestBrokenReplica(t *testing.T) {
	dead := httptest.NewServer(nil)
	dead.Close()
	cut, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cut.Close() })
	go func() { // answers nothing: reads a request and hangs up
		for {
			c, err := cut.Accept()
			if err != nil {
				return
			}
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_ = c.Close()
		}
	}()
	cases := map[string]struct {
		reason string
		url    string
		method string
		header []string
		status int
		broken []bool
	}{
		"refused":     {"nothing was sent, so another replica gets it", dead.URL, "POST", nil, 200, []bool{true, false}},
		"get":         {"GET may be repeated", "http://" + cut.Addr().String(), "GET", nil, 200, []bool{true, false}},
		"post":        {"POST may have been seen, and is not repeated", "http://" + cut.Addr().String(), "POST", nil, 502, []bool{true}},
		"post by key": {"unless the client's key says that it may", "http://" + cut.Addr().String(), "POST", []string{"Idempotency-Key", "k"}, 200, []bool{true, false}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, answerJSON)
			w.urls = []string{c.url, w.urls[0]}
			resp := w.do(c.method, "/in/", "x", c.header...)
			if resp.StatusCode != c.status {
				t.Errorf("%s: got %d %s", c.reason, resp.StatusCode, text(t, resp))
			}
			w.server.Close()
			if diff := cmp.Diff(c.broken, w.broken); diff != "" {
				t.Errorf("%s: %s", c.reason, diff)
			}
		})
	}
}

func TestBrokenAnswer(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Length", "100")
		fmt.Fprint(rw, "half")
		_ = http.NewResponseController(rw).Flush()
		panic(http.ErrAbortHandler)
	})
	resp, err := http.Get(w.server.URL + "/in/")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		_ = resp.Body.Close()
	}
	if err == nil {
		t.Error("the client must see that the answer is not whole")
	}
	if c := <-w.ended; c.Err == nil {
		t.Error("it is an error")
	}
}

func TestClientGone(t *testing.T) {
	called, gone := make(chan struct{}), make(chan struct{})
	w := newWorld(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(called)
		<-r.Context().Done()
		close(gone)
	})
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.server.URL+"/in/", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-called
		cancel()
	}()
	if _, err := http.DefaultTransport.RoundTrip(req); !errors.Is(err, context.Canceled) {
		t.Fatalf("round trip: %v", err)
	}
	<-gone
	if c := <-w.ended; !errors.Is(c.Err, errClientGone) {
		t.Errorf("record: %+v", c)
	}
}

func TestUpgrade(t *testing.T) {
	w := newWorld(t, func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "echo" {
			t.Errorf("headers: %v", r.Header)
		}
		conn, buf, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
		line, _ := buf.ReadString('\n')
		fmt.Fprint(conn, "echo "+line)
	})
	conn, err := net.Dial("tcp", w.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /in/ws HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: echo\r\n\r\n")
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("answer: %v, %v", resp, err)
	}
	fmt.Fprint(conn, "hello\n")
	if line, err := r.ReadString('\n'); line != "echo hello\n" {
		t.Errorf("got %q, %v", line, err)
	}
}

func TestPanicIsAnswered(t *testing.T) {
	w := newWorld(t, answerJSON)
	w.acquire = func(context.Context) error { panic("boom") }
	resp := w.do("POST", "/in/", "{}")
	if body := text(t, resp); resp.StatusCode != 500 || strings.Contains(body, "boom") || strings.Contains(body, "goroutine") {
		t.Errorf("got %d %s", resp.StatusCode, body)
	}
}

func TestNewTrace(t *testing.T) {
	cases := map[string]struct {
		reason, parent string
		goesOn         bool
	}{
		"valid":    {"a trace goes on", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", true},
		"later":    {"also of a later version", "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-x", true},
		"none":     {"without one a trace begins", "", false},
		"zero":     {"an id of zeros is none", "00-00000000000000000000000000000000-b7ad6b7169203331-01", false},
		"upper":    {"hex is in lower case", "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
		"ff":       {"version ff is not allowed", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false},
		"too long": {"version 00 has four fields", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			tr := newTrace(c.parent, "s=1")
			if !validTraceParent(tr.parent) || tr.trace != tr.parent[3:35] || tr.span != tr.parent[36:52] {
				t.Errorf("%s: made %+v", c.reason, tr)
			}
			if got := tr.up != ""; got != c.goesOn || got != (tr.state != "") {
				t.Errorf("%s: %+v", c.reason, tr)
			}
		})
	}
}

// BenchmarkGateway is one request through the gateway to a function over a
// kept connection; BenchmarkReverseProxy is what net/http has for that, without
// routes, ids, traces and records.
func BenchmarkGateway(b *testing.B) {
	function := benchFunction(b)
	f := &mesh.Function{Name: "in", KubeName: "in", Timeout: time.Minute, Triggers: []v1beta1.Trigger{{Type: v1beta1.TriggerHTTP, Path: "/in"}}}
	w := &world{urls: []string{function.URL}}
	g, err := New(Config{Plan: &mesh.Plan{Functions: []*mesh.Function{f}}, Endpoints: w, Dispatcher: w})
	if err != nil {
		b.Fatal(err)
	}
	benchHandler(b, g, func() { w.broken = w.broken[:0] })
}

func BenchmarkReverseProxy(b *testing.B) {
	target, err := url.Parse(benchFunction(b).URL)
	if err != nil {
		b.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(target) }, Transport: defaultTransport()}
	benchHandler(b, proxy, func() {})
}

func benchFunction(b *testing.B) *httptest.Server {
	function := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		rw.Header().Set(contract.HeaderEmitted, "1")
		answerJSON(rw, r)
	}))
	b.Cleanup(function.Close)
	return function
}

func benchHandler(b *testing.B, h http.Handler, after func()) {
	body := []byte(`{"orderId":"o-1","items":[{"sku":"a","quantity":1}]}`)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/in", bytes.NewReader(body))
		h.ServeHTTP(httptest.NewRecorder(), r)
		after()
	}
}
