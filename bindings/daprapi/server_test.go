package daprapi

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	commonv1 "github.com/dapr/dapr/pkg/proto/common/v1"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/weftmesh/weft/bindings/subscriptions"
	"github.com/weftmesh/weft/mesh"
)

// served are the methods that are.
var served = map[string]bool{
	"InvokeService": true, "GetState": true, "GetBulkState": true, "SaveState": true, "QueryStateAlpha1": true, "DeleteState": true,
	"DeleteBulkState": true, "ExecuteStateTransaction": true, "PublishEvent": true, "BulkPublishEventAlpha1": true, "BulkPublishEvent": true,
	"SubscribeTopicEventsAlpha1": true, "InvokeBinding": true, "GetSecret": true, "GetBulkSecret": true, "GetMetadata": true, "SetMetadata": true,
}

// TestUnserved calls every method that is not served.
func TestUnserved(t *testing.T) {
	h := start(t)
	_, ctx := h.raw(orders)
	conn, err := grpc.NewClient(h.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	check := func(method string, err error) {
		if st := status.Convert(err); st.Code() != codes.Unimplemented || !strings.Contains(st.Message(), method) || !strings.Contains(st.Message(), ": ") {
			t.Errorf("%s: %v, want Unimplemented that names it and what there is instead", method, st)
		}
	}
	for _, m := range runtimev1.Dapr_ServiceDesc.Methods {
		if served[m.MethodName] {
			if text, ok := unservedMethod(m.MethodName); ok {
				t.Errorf("%s is served, and not: %s", m.MethodName, text)
			}
			continue
		}
		check(m.MethodName, conn.Invoke(ctx, "/dapr.proto.runtime.v1.Dapr/"+m.MethodName, &runtimev1.ShutdownRequest{}, &runtimev1.ShutdownRequest{}))
	}
	for _, m := range runtimev1.Dapr_ServiceDesc.Streams {
		if served[m.StreamName] {
			continue
		}
		s, err := conn.NewStream(ctx, &m, "/dapr.proto.runtime.v1.Dapr/"+m.StreamName)
		if err == nil {
			_ = s.SendMsg(&runtimev1.ShutdownRequest{})
			_ = s.CloseSend()
			err = s.RecvMsg(&runtimev1.ShutdownRequest{})
		}
		check(m.StreamName, err)
	}
	err = conn.Invoke(ctx, "/helloworld.Greeter/SayHello", &runtimev1.ShutdownRequest{}, &runtimev1.ShutdownRequest{})
	if st := status.Convert(err); st.Code() != codes.Unimplemented || !strings.HasPrefix(st.Message(), "/helloworld.Greeter/SayHello is not served") {
		t.Errorf("another service: %v", st)
	}
}

func TestHealth(t *testing.T) {
	h := start(t)
	for path, want := range map[string]int{
		"/v1.0/healthz": 204, "/v1.0/healthz/": 204, "/v1.0/healthz/outbound": 204,
		"/v1.0/healthz?appid=test-pricing": 204, "/v1.0/healthz?appid=nope": 500,
	} {
		if got := h.do("", "GET", path, ""); got.Status != want {
			t.Errorf("%s without a token: %v, want %d", path, got, want)
		}
	}
	if got := h.do(orders, "GET", "/v1.0/healthz?appid=test-pricing", ""); got.Status != 500 || got.errorCode() != "ERR_HEALTH_APPID_NOT_MATCH" {
		t.Errorf("another's app id: %v", got)
	}
}

func TestNotUpYet(t *testing.T) {
	srv := NewServer(func() (*API, func()) { return nil, func() {} })
	l := listen(t)
	go func() { _ = srv.ServeGRPC(l) }()
	web := listen(t)
	hs := &http.Server{Handler: srv.Handler()} //nolint:gosec // a test's
	go func() { _ = hs.Serve(web) }()
	t.Cleanup(func() { _ = hs.Close(); _ = srv.Shutdown(context.Background()) })
	h := &harness{t: t, grpc: l.Addr().String(), http: "http://" + web.Addr().String()}
	c, ctx := h.raw(orders)
	if _, err := c.GetMetadata(ctx, &runtimev1.GetMetadataRequest{}); status.Code(err) != codes.Unavailable {
		t.Errorf("over gRPC: %v", err)
	}
	for path, want := range map[string]int{"/v1.0/metadata": 503, "/v1.0/healthz": 500, "/v1.0/healthz/outbound": 500} {
		if got := h.do(orders, "GET", path, ""); got.Status != want {
			t.Errorf("%s: %v, want %d", path, got, want)
		}
	}
}

// topics are those of a test; a stream ends with a word of its own.
type topics struct{}

func (topics) Active() []subscriptions.Subscription {
	return []subscriptions.Subscription{
		{Function: &mesh.Function{Service: "test-place-order"}, PubSub: "events", Topic: "placed", Type: "DECLARATIVE", DeadLetterTopic: "dead", Rules: []subscriptions.Rule{{Match: "event.type == 'x'", Path: "/x"}, {Path: "/"}}},
		{Function: &mesh.Function{Service: "test-pricing"}, PubSub: "events", Topic: "prices", Type: "STREAMING"},
	}
}

func (topics) Stream(f *mesh.Function, s runtimev1.Dapr_SubscribeTopicEventsAlpha1Server) error {
	in, err := s.Recv()
	if err != nil {
		return err
	}
	return status.Error(codes.Aborted, f.Name+" asked for "+in.GetInitialRequest().GetTopic())
}

func TestMetadata(t *testing.T) {
	h := start(t, func(c *Config) { c.Topics = topics{} })
	if got := h.do(orders, "PUT", "/v1.0/metadata/team", "checkout"); got.Status != http.StatusNoContent {
		t.Fatal(got)
	}
	got := h.do(orders, "GET", "/v1.0/metadata", "")
	var m metadataAnswer
	if err := json.Unmarshal([]byte(got.Body), &m); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range m.Components {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"broken", "events", "failing", "mail", "other", "plain", "store", "vault"}, names); diff != "" {
		t.Errorf("what placeOrder sees: %s", diff)
	}
	if diff := cmp.Diff(map[string]string{"team": "checkout", "daprRuntimeVersion": "v0"}, m.Extended); diff != "" {
		t.Error(diff)
	}
	want := []metadataSubscribed{{PubSub: "events", Topic: "placed", Type: "DECLARATIVE", DeadLetterTopic: "dead", Rules: []metadataRule{{"event.type == 'x'", "/x"}, {"", "/"}}}}
	if diff := cmp.Diff(want, m.Subscriptions); diff != "" {
		t.Error(diff)
	}
	c, ctx := h.raw(pricing)
	if _, err := c.SetMetadata(ctx, &runtimev1.SetMetadataRequest{Key: "k", Value: "v"}); err != nil {
		t.Fatal(err)
	}
	resp, err := c.GetMetadata(ctx, &runtimev1.GetMetadataRequest{})
	if err != nil {
		t.Fatal(err)
	}
	names = nil
	for _, c := range resp.RegisteredComponents {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"events", "store"}, names); diff != "" {
		t.Errorf("what pricing sees: %s", diff)
	}
	if resp.Id != "test-pricing" || resp.ExtendedMetadata["k"] != "v" || resp.ExtendedMetadata["team"] != "" || resp.Subscriptions[0].Type != runtimev1.PubsubSubscriptionType_STREAMING {
		t.Errorf("of pricing: %v", resp)
	}
}

func TestStreamOfTopics(t *testing.T) {
	h := start(t, func(c *Config) { c.Topics = topics{} })
	c, ctx := h.raw(orders)
	s, err := c.SubscribeTopicEventsAlpha1(ctx)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Send(&runtimev1.SubscribeTopicEventsRequestAlpha1{SubscribeTopicEventsRequestType: &runtimev1.SubscribeTopicEventsRequestAlpha1_InitialRequest{
		InitialRequest: &runtimev1.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: "events", Topic: "placed"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Recv(); status.Convert(err).Message() != "placeOrder asked for placed" {
		t.Error(err)
	}
	for name, function := range map[string]string{"no token": "", "unknown": "nobody"} {
		c, ctx := h.raw(function)
		s, err := c.SubscribeTopicEventsAlpha1(ctx)
		if err == nil {
			_, err = s.Recv()
		}
		if status.Code(err) != codes.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestNewNamesWhatIsMissing(t *testing.T) {
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "Config.Plan") {
		t.Error(err)
	}
}

// TestShutdownLetsCallsFinish begins a shutdown while a function works for a
// caller, and has it answer only then.
func TestShutdownLetsCallsFinish(t *testing.T) {
	working, finish := make(chan struct{}), make(chan struct{})
	h := start(t, func(c *Config) {
		c.Functions = handlers{pricing: func(w http.ResponseWriter, _ *http.Request) {
			close(working)
			<-finish
			w.WriteHeader(http.StatusOK)
		}}
	})
	srv := NewServer(func() (*API, func()) { return h.api, func() {} })
	l := listen(t)
	go func() { _ = srv.ServeGRPC(l) }()
	h.grpc = l.Addr().String()
	c, ctx := h.raw(orders)
	answered := make(chan error, 1)
	go func() {
		_, err := c.InvokeService(ctx, &runtimev1.InvokeServiceRequest{Id: "pricing", Message: &commonv1.InvokeRequest{Method: "m"}})
		answered <- err
	}()
	<-working
	down := make(chan error, 1)
	go func() { down <- srv.Shutdown(context.Background()) }()
	// That no more connections are taken tells that the shutdown has begun.
	for {
		conn, err := net.Dial("tcp", h.grpc)
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	close(finish)
	if err := <-answered; err != nil {
		t.Errorf("a call under way: %v", err)
	}
	if err := <-down; err != nil {
		t.Errorf("the shutdown: %v", err)
	}
}

// TestShutdownCutsOff has a function work until its caller is gone.
func TestShutdownCutsOff(t *testing.T) {
	working := make(chan struct{})
	h := start(t, func(c *Config) {
		c.Functions = handlers{pricing: func(_ http.ResponseWriter, r *http.Request) {
			close(working)
			<-r.Context().Done()
		}}
	})
	srv := NewServer(func() (*API, func()) { return h.api, func() {} })
	l := listen(t)
	go func() { _ = srv.ServeGRPC(l) }()
	h.grpc = l.Addr().String()
	c, ctx := h.raw(orders)
	answered := make(chan error, 1)
	go func() {
		_, err := c.InvokeService(ctx, &runtimev1.InvokeServiceRequest{Id: "pricing", Message: &commonv1.InvokeRequest{Method: "m"}})
		answered <- err
	}()
	<-working
	ended, end := context.WithCancel(context.Background())
	end()
	if err := srv.Shutdown(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("the shutdown: %v", err)
	}
	if err := <-answered; err == nil {
		t.Error("a call that was cut off succeeded")
	}
}

// TestCallersDeadline has a function work until its caller gives up.
func TestCallersDeadline(t *testing.T) {
	working, gone := make(chan struct{}), make(chan struct{})
	h := start(t, func(c *Config) {
		c.Functions = handlers{pricing: func(_ http.ResponseWriter, r *http.Request) {
			close(working)
			<-r.Context().Done()
			close(gone)
		}}
	})
	c, ctx := h.raw(orders)
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		<-working
		cancel()
	}()
	_, err := c.InvokeService(ctx, &runtimev1.InvokeServiceRequest{Id: "pricing", Message: &commonv1.InvokeRequest{Method: "m"}})
	if status.Code(err) != codes.Canceled {
		t.Errorf("got %v, want Canceled", err)
	}
	<-gone
}
