package subscriptions

import (
	"context"
	"fmt"
	"net"
	"testing"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	dapr "github.com/dapr/go-sdk/client"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/weftmesh/weft/mesh"
)

// streams serves the streams of a manager to one function.
type streams struct {
	runtimev1.UnimplementedDaprServer
	m      *Manager
	caller *mesh.Function
	ended  chan error
}

func (s *streams) SubscribeTopicEventsAlpha1(stream runtimev1.Dapr_SubscribeTopicEventsAlpha1Server) error {
	err := s.m.Stream(s.caller, stream)
	s.ended <- err
	return err
}

// dial serves m's streams to the function and connects to them.
func (r *rig) dial(m *Manager, function string) (*grpc.ClientConn, *streams) {
	r.t.Helper()
	l := bufconn.Listen(1 << 20)
	s := &streams{m: m, caller: r.b.Plan.Function(function), ended: make(chan error, 100)}
	srv := grpc.NewServer()
	runtimev1.RegisterDaprServer(srv, s)
	go func() { _ = srv.Serve(l) }()
	r.t.Cleanup(srv.Stop)
	conn, err := grpc.NewClient("passthrough:///bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(context.Context, string) (net.Conn, error) { return l.Dial() }))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	return conn, s
}

func (r *rig) sdk(m *Manager, function string) (dapr.Client, *streams) {
	conn, s := r.dial(m, function)
	return dapr.NewClientWithConnection(conn), s
}

func receive(t *testing.T, sub *dapr.Subscription) *dapr.SubscriptionMessage {
	t.Helper()
	msg, err := sub.Receive()
	if err != nil {
		t.Fatal(err)
	}
	return msg
}

// TestStream has the SDK's own client subscribe.
func TestStream(t *testing.T) {
	r := newRig(t, ship, bus, "")
	r.serve("ship", newRecorder(nil))
	m, stop := r.run(0)
	client, s := r.sdk(m, "ship")
	dead := "dead"
	sub, err := client.Subscribe(context.Background(), dapr.SubscriptionOptions{PubsubName: "bus", Topic: "orders", DeadLetterTopic: &dead})
	if err != nil {
		t.Fatal(err)
	}
	deadSub, err := client.Subscribe(context.Background(), dapr.SubscriptionOptions{PubsubName: "bus", Topic: dead})
	if err != nil {
		t.Fatal(err)
	}
	active := r.active(m, 2)
	if diff := cmp.Diff(Subscription{
		Function: r.b.Plan.Function("ship"), PubSub: "bus", Topic: "orders", DeadLetterTopic: "dead",
		Type: "STREAMING", Rules: []Rule{{"", "/"}},
	}, active[0], cmp.Comparer(func(a, b *mesh.Function) bool { return a == b })); diff != "" {
		t.Errorf("in force, -want +got:\n%s", diff)
	}

	r.publish("orders", "1", map[string]any{"n": 1.5}, "subject", "s")
	msg := receive(t, sub)
	if diff := cmp.Diff([]any{"1", "orders", "bus", map[string]any{"n": 1.5}, "com.dapr.event.sent"},
		[]any{msg.ID, msg.Topic, msg.PubsubName, msg.Data, msg.Type}); diff != "" {
		t.Errorf("event, -want +got:\n%s", diff)
	}
	if err := msg.Success(); err != nil {
		t.Fatal(err)
	}
	for _, answer := range []func(*dapr.SubscriptionMessage) error{(*dapr.SubscriptionMessage).Drop, (*dapr.SubscriptionMessage).Retry} {
		r.publish("orders", "2", "bad")
		if err := answer(receive(t, sub)); err != nil {
			t.Fatal(err)
		}
		got := receive(t, deadSub)
		if got.ID != "2" {
			t.Errorf("the dead letter is %s", got.ID)
		}
		if err := got.Success(); err != nil {
			t.Fatal(err)
		}
	}

	// The caller ends one stream, the manager the other.
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("a stream that its caller ended ends with %v", err)
	}
	r.active(m, 1)
	stop()
	if err := <-s.ended; status.Code(err) != codes.Unavailable {
		t.Errorf("a stream that the manager ended ends with %v", err)
	}
}

// TestStreamGivesBack has a caller go away with messages in hand.
func TestStreamGivesBack(t *testing.T) {
	r := newRig(t, ship, bus, "")
	r.serve("ship", newRecorder(nil))
	m, _ := r.run(0)
	client, s := r.sdk(m, "ship")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	dead := "dead"
	sub, err := client.Subscribe(ctx, dapr.SubscriptionOptions{PubsubName: "bus", Topic: "orders", DeadLetterTopic: &dead})
	if err != nil {
		t.Fatal(err)
	}
	r.publish("orders", "1", "x")
	receive(t, sub)
	counts := m.Counts()[0].Counts
	cancel()
	if err := <-s.ended; status.Code(err) != codes.Canceled {
		t.Errorf("the stream ends with %v", err)
	}
	if counts != (Counts{}) {
		t.Errorf("a message in hand counts as %+v", counts)
	}
	if n := r.log.count("dead-letter"); n != 0 {
		t.Errorf("a message that was in hand became a dead letter:\n%s", r.log)
	}
}

func TestStreamRefused(t *testing.T) {
	const scoped = `  components:
    - {name: bus, type: pubsub.in-memory, version: v1, metadata: [{name: subscriptionScopes, value: "shop-ship=orders"}]}
    - {name: other, type: pubsub.in-memory, version: v1, scopes: [bury]}
`
	cases := map[string]struct {
		reason string
		req    *runtimev1.SubscribeTopicEventsRequestInitialAlpha1
		code   codes.Code
	}{
		"no request":     {"the first message must be the initial request", nil, codes.InvalidArgument},
		"no pubsub":      {"a component must be named", &runtimev1.SubscribeTopicEventsRequestInitialAlpha1{Topic: "orders"}, codes.InvalidArgument},
		"no topic":       {"a topic must be named", &runtimev1.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: "bus"}, codes.InvalidArgument},
		"unknown":        {"daprd's code for a component that is not there", &runtimev1.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: "nope", Topic: "orders"}, codes.InvalidArgument},
		"another's":      {"what the caller does not see is not there", &runtimev1.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: "other", Topic: "orders"}, codes.InvalidArgument},
		"out of scope":   {"topic scopes hold for streams", &runtimev1.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: "bus", Topic: "secret"}, codes.PermissionDenied},
		"links":          {"links are not to be listened to", &runtimev1.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: "bus", Topic: "weft.default.shop.ship"}, codes.InvalidArgument},
		"raw is no bool": {"metadata are checked", &runtimev1.SubscribeTopicEventsRequestInitialAlpha1{PubsubName: "bus", Topic: "orders", Metadata: map[string]string{"rawPayload": "perhaps"}}, codes.InvalidArgument},
	}
	r := newRig(t, ship+bury, scoped, "")
	m, _ := r.run(0)
	conn, _ := r.dial(m, "ship")
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			stream, err := runtimev1.NewDaprClient(conn).SubscribeTopicEventsAlpha1(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			req := &runtimev1.SubscribeTopicEventsRequestAlpha1{}
			if tc.req != nil {
				req.SubscribeTopicEventsRequestType = &runtimev1.SubscribeTopicEventsRequestAlpha1_InitialRequest{InitialRequest: tc.req}
			}
			if err := stream.Send(req); err != nil {
				t.Fatal(err)
			}
			if _, err := stream.Recv(); status.Code(err) != tc.code {
				t.Errorf("%s: %v, want %s", tc.reason, err, tc.code)
			}
		})
	}
}

// TestFlow has the component bring more than the caller answers.
func TestFlow(t *testing.T) {
	sent := make(chan *runtimev1.TopicEventRequest, 2*maxUnacknowledged)
	s := newFlow(&fakeStream{ctx: t.Context(), sent: sent})
	results := make(chan error, 2*maxUnacknowledged)
	for i := range maxUnacknowledged + 10 {
		msg := &message{Event: map[string]any{"id": fmt.Sprint(i / 2)}}
		go func() { results <- s.deliver(t.Context(), msg) }()
	}
	var ids []string
	for range maxUnacknowledged {
		ids = append(ids, (<-sent).GetId())
	}
	if n := len(s.places); n != maxUnacknowledged || len(sent) != 0 {
		t.Errorf("%d messages unanswered and %d more sent", n, len(sent))
	}
	s.answered("unknown", nil) // is nobody's
	for _, id := range ids {
		s.answered(id, &runtimev1.TopicEventResponse{Status: runtimev1.TopicEventResponse_SUCCESS})
	}
	for range maxUnacknowledged {
		if err := <-results; err != nil {
			t.Errorf("an answered message ends with %v", err)
		}
	}
	for range 10 {
		<-sent
	}
	s.close()
	for range 10 {
		if err := <-results; err != errStopping {
			t.Errorf("a message without an answer ends with %v", err)
		}
	}
	if len(s.waiting) != 0 {
		t.Errorf("still waiting: %v", s.waiting)
	}
}

type fakeStream struct {
	grpc.ServerStream
	ctx  context.Context
	sent chan *runtimev1.TopicEventRequest
}

func (f *fakeStream) Context() context.Context { return f.ctx }

func (f *fakeStream) Recv() (*runtimev1.SubscribeTopicEventsRequestAlpha1, error) {
	<-f.ctx.Done()
	return nil, f.ctx.Err()
}

func (f *fakeStream) Send(r *runtimev1.SubscribeTopicEventsResponseAlpha1) error {
	f.sent <- r.GetEventMessage()
	return nil
}
