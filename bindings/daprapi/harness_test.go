package daprapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dapr/components-contrib/bindings"
	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/components-contrib/state"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/meshtest"
)

// meshText is the mesh of most tests: orders sees everything, pricing one store,
// guest nothing. broken, plain and failing are put in by the tests.
const meshText = `
metadata: {name: test, namespace: shop}
spec:
  functions:
    - {name: placeOrder, source: ./orders, state: [store, other, broken, plain], bindings: [mail], calls: [test.pricing]}
    - {name: pricing, source: ./pricing, state: [store], bindings: []}
    - {name: guest, source: ./guest, state: [], bindings: []}
  components:
    - {name: store, type: state.in-memory, version: v1}
    - {name: other, type: state.in-memory, version: v1, metadata: [{name: keyPrefix, value: appid}]}
    - {name: broken, type: state.in-memory, version: v1}
    - {name: plain, type: state.in-memory, version: v1}
    - {name: mail, type: bindings.http, version: v1, metadata: [{name: url, value: "http://127.0.0.1:1"}]}
    - name: events
      type: pubsub.in-memory
      version: v1
      scopes: [placeOrder, pricing]
      metadata: [{name: publishingScopes, value: "test-pricing=prices"}]
    - {name: failing, type: pubsub.in-memory, version: v1, scopes: [placeOrder]}
    - {name: vault, type: secretstores.local.file, version: v1, scopes: [placeOrder], metadata: [{name: secretsFile, value: secrets.json}]}
`

const (
	orders  = "placeOrder"
	pricing = "pricing"
	guest   = "guest"
)

// opening is the components of a mesh with some of them put in by a test.
type opening struct {
	*components.Set
	states  map[string]*components.State
	outputs map[string]*components.Output
}

func (o opening) State(name string) *components.State {
	if s, ok := o.states[name]; ok {
		return s
	}
	return o.Set.State(name)
}

func (o opening) Output(name string) *components.Output {
	if s, ok := o.outputs[name]; ok {
		return s
	}
	return o.Set.Output(name)
}

// brokenStore fails with err, and has nothing but the basics.
type brokenStore struct {
	state.BulkStore
	err error
}

func (brokenStore) Init(context.Context, state.Metadata) error { return nil }
func (brokenStore) Features() []state.Feature                  { return nil }
func (brokenStore) Close() error                               { return nil }
func (s brokenStore) Get(context.Context, *state.GetRequest) (*state.GetResponse, error) {
	if s.err.Error() == "panic" {
		panic("the store panicked")
	}
	return nil, s.err
}
func (s brokenStore) Set(context.Context, *state.SetRequest) error       { return s.err }
func (s brokenStore) Delete(context.Context, *state.DeleteRequest) error { return s.err }
func (s brokenStore) BulkGet(context.Context, []state.GetRequest, state.BulkGetOpts) ([]state.BulkGetResponse, error) {
	return nil, s.err
}

// queriedStore can be queried: it has one value, under k.
type queriedStore struct{ brokenStore }

func (queriedStore) Query(_ context.Context, r *state.QueryRequest) (*state.QueryResponse, error) {
	if r.Metadata["fail"] != "" {
		return nil, errors.New("no index")
	}
	if r.Query.Filter == nil {
		return nil, nil
	}
	etag := "7"
	if r.Metadata["page"] == "others" {
		return &state.QueryResponse{Results: []state.QueryItem{{Key: "other||k", Data: []byte(`{"v":1}`), ETag: &etag}}, Token: "next"}, nil
	}
	return &state.QueryResponse{Results: []state.QueryItem{
		{Key: "||k", Data: []byte(`{"v":1}`), ETag: &etag},
		{Key: "other||k", Data: []byte(`{"v":1}`), ETag: &etag}, // of another mesh
	}, Token: "next"}, nil
}

// echoBinding answers with what it was asked.
type echoBinding struct{}

func (echoBinding) Init(context.Context, bindings.Metadata) error { return nil }
func (echoBinding) Close() error                                  { return nil }
func (echoBinding) Operations() []bindings.OperationKind {
	return []bindings.OperationKind{bindings.CreateOperation, "fail", "quiet"}
}
func (echoBinding) Invoke(_ context.Context, r *bindings.InvokeRequest) (*bindings.InvokeResponse, error) {
	switch r.Operation {
	case "fail":
		return &bindings.InvokeResponse{Metadata: map[string]string{"statusCode": "550"}}, errors.New("mailbox full")
	case "quiet":
		return nil, nil
	}
	data, err := json.Marshal(struct {
		Data     json.RawMessage
		Metadata map[string]string
	}{r.Data, r.Metadata})
	return &bindings.InvokeResponse{Data: data, Metadata: map[string]string{"sent": "1"}}, err
}

// failingBroker takes nothing.
type failingBroker struct{ pubsub.PubSub }

func (failingBroker) Publisher() pubsub.PubSub               { return failingBroker{} }
func (failingBroker) MayPublish(*mesh.Function, string) bool { return true }
func (failingBroker) Features() []pubsub.Feature             { return nil }
func (failingBroker) Publish(context.Context, *pubsub.PublishRequest) error {
	return errors.New("connection refused")
}

// noFunctions answers every call to a function with an error.
type noFunctions struct{}

func (noFunctions) Do(*mesh.Function, *http.Request) (*http.Response, error) {
	return nil, errors.New("no function runs")
}

// handlers are functions that run in the test.
type handlers map[string]http.HandlerFunc

func (h handlers) Do(f *mesh.Function, r *http.Request) (*http.Response, error) {
	serve := h[f.Name]
	if serve == nil {
		return nil, errors.New("no replica of " + f.Name + " starts")
	}
	pr, pw := io.Pipe()
	w := &pipeWriter{pw: pw, header: make(http.Header), ready: make(chan int, 1)}
	go func() {
		serve(w, r)
		w.WriteHeader(http.StatusOK)
		_ = pw.Close()
	}()
	return &http.Response{StatusCode: <-w.ready, Header: w.header, Body: pr, ContentLength: -1}, nil
}

type pipeWriter struct {
	pw     *io.PipeWriter
	header http.Header
	wrote  bool
	ready  chan int
}

func (w *pipeWriter) Header() http.Header { return w.header }
func (w *pipeWriter) WriteHeader(code int) {
	if !w.wrote {
		w.wrote = true
		w.ready <- code
	}
}
func (w *pipeWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.pw.Write(p)
}

// harness is a server on loopback with its clients.
type harness struct {
	t    testing.TB
	grpc string
	http string
	set  opening
	api  *API
}

func tokenOf(function string) string { return "token-of-" + function }

// start serves the API of meshText.
func start(t testing.TB, adjust ...func(*Config)) *harness {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secrets.json"), []byte(`{"smtp":"hunter2","db":"tiger"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	plan := meshtest.Plan(t, meshText)
	set, err := components.Open(context.Background(), components.Config{
		Plan: plan, Dir: dir, Base: dir, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set.Close() })
	o := opening{
		Set: set,
		states: map[string]*components.State{
			"broken": {Info: components.Info{Name: "broken"}, Store: brokenStore{err: errors.New("disk on fire")}},
			"plain":  {Info: components.Info{Name: "plain"}, Store: queriedStore{brokenStore{err: errors.New("panic")}}},
		},
		outputs: map[string]*components.Output{"mail": {Info: components.Info{Name: "mail"}, Binding: echoBinding{}}},
	}
	cfg := Config{
		Plan: plan, Functions: noFunctions{}, Version: "v0", Logger: slog.New(slog.DiscardHandler),
		Caller: func(token string) (*mesh.Function, bool) {
			f := plan.Function(strings.TrimPrefix(token, "token-of-"))
			return f, f != nil
		},
	}
	for _, a := range adjust {
		a(&cfg)
	}
	api := newAPI(cfg, o)
	api.callers["test-place-order"].pubsubs["failing"] = failingBroker{}
	srv := NewServer(func() (*API, func()) { return api, func() {} }, Logger(slog.New(slog.DiscardHandler)))
	l := listen(t)
	served := make(chan error, 1)
	go func() { served <- srv.ServeGRPC(l) }()
	web := listen(t)
	hs := &http.Server{Handler: srv.Handler(), ReadHeaderTimeout: time.Minute}
	go func() { _ = hs.Serve(web) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = hs.Shutdown(ctx)
		_ = srv.Shutdown(ctx)
		if err := <-served; err != nil {
			t.Errorf("serve gRPC: %v", err)
		}
	})
	return &harness{t: t, grpc: l.Addr().String(), http: "http://" + web.Addr().String(), set: o, api: api}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// client is the go-sdk's client in the name of a function.
func (h *harness) client(function string) client.Client {
	h.t.Helper()
	c, err := client.NewClientWithAddressContext(h.t.Context(), h.grpc)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(c.Close)
	if function != "" {
		c.WithAuthToken(tokenOf(function))
	}
	return c
}

// raw is the generated client, and a context in the name of a function.
func (h *harness) raw(function string) (runtimev1.DaprClient, context.Context) {
	h.t.Helper()
	conn, err := grpc.NewClient(h.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	return runtimev1.NewDaprClient(conn), metadata.AppendToOutgoingContext(context.Background(), headerToken, tokenOf(function))
}

// answer is an answer over HTTP.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

// errorCode is the name of the error in an answer.
func (a answer) errorCode() string {
	var e struct{ ErrorCode string }
	if json.Unmarshal([]byte(a.Body), &e) != nil {
		return ""
	}
	return e.ErrorCode
}

// do makes a request in the name of a function. Headers are name, value, ...
func (h *harness) do(function, method, path, body string, headers ...string) answer {
	h.t.Helper()
	req, err := http.NewRequest(method, h.http+path, bytes.NewReader([]byte(body)))
	if err != nil {
		h.t.Fatal(err)
	}
	if function != "" {
		req.Header.Set(headerToken, tokenOf(function))
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(b)}
}

// subscribe gives what arrives at a topic.
func (h *harness) subscribe(topic string) <-chan *pubsub.NewMessage {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	h.t.Cleanup(cancel)
	in, closeConsumer, err := h.set.PubSub("events").Consumer(ctx, "test")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = closeConsumer() })
	messages := make(chan *pubsub.NewMessage, 100)
	err = in.Subscribe(ctx, pubsub.SubscribeRequest{Topic: topic}, func(_ context.Context, m *pubsub.NewMessage) error {
		messages <- m
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return messages
}
