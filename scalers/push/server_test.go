package push

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"golang.org/x/net/http2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/testing/protocmp"
)

var errBroker = errors.New("the broker is away")

// queues are a fake broker's.
type queues struct {
	mu      sync.Mutex
	lag     map[string]int
	asked   int
	away    bool
	watched map[string][]func()
}

func (q *queues) Lag(_ context.Context, queue string) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.asked++
	if q.away {
		return 0, errBroker
	}
	return q.lag[queue], nil
}

func (q *queues) Arrival(queue string, arrived func()) (func(), error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.away {
		return nil, errBroker
	}
	if q.watched == nil {
		q.watched = make(map[string][]func())
	}
	q.watched[queue] = append(q.watched[queue], arrived)
	return func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		delete(q.watched, queue)
	}, nil
}

// put has so many events more, or fewer, in a queue.
func (q *queues) put(queue string, n int) {
	q.mu.Lock()
	if q.lag == nil {
		q.lag = make(map[string]int)
	}
	q.lag[queue] += n
	watchers := q.watched[queue]
	if n <= 0 {
		watchers = nil
	}
	q.mu.Unlock()
	for _, arrived := range watchers {
		arrived()
	}
}

func (q *queues) set(away bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.away = away
}

func ref(queues, activation string) *pb.ScaledObjectRef {
	return &pb.ScaledObjectRef{Name: "orders-notify-user", Namespace: "shop", ScalerMetadata: map[string]string{
		"scalerAddress": "orders-front:8082", "queues": queues, "activation": activation,
	}}
}

// serve returns a server and KEDA's client of it.
func serve(t *testing.T, q Queues) (*Server, pb.ExternalScalerClient) {
	t.Helper()
	s := New(q, slog.New(slog.DiscardHandler))
	l := bufconn.Listen(1 << 16)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:front", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Shutdown(t.Context())
		if err := <-served; err != nil {
			t.Error(err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, pb.NewExternalScalerClient(conn)
}

func TestWhatKEDAAsks(t *testing.T) {
	for name, tc := range map[string]struct {
		reason      string
		lag         map[string]int
		ref         *pb.ScaledObjectRef
		want        float64
		active      bool
		asked, away bool
		code        codes.Code
	}{
		"empty":          {reason: "nobody is woken for nothing", ref: ref("a=7", "0")},
		"one":            {reason: "the first event wakes", ref: ref("a=7", "0"), lag: map[string]int{"a": 1}, want: 1.0 / 7, active: true},
		"backlog":        {reason: "so many replicas are called for", ref: ref("a=7", "0"), lag: map[string]int{"a": 21}, want: 3, active: true},
		"fullest":        {reason: "the queue counts that calls for most", ref: ref("a=100,b=10", "1"), lag: map[string]int{"a": 150, "b": 40}, want: 4, active: true},
		"not yet":        {reason: "up to the target the front's dispatcher does", ref: ref("a=100,b=10", "1"), lag: map[string]int{"a": 100, "b": 9}, want: 1},
		"no queue":       {reason: "a trigger written wrongly is told so", ref: ref("", "0"), code: codes.InvalidArgument},
		"broker is away": {reason: "KEDA keeps what it has, where the count is not known", ref: ref("a=7", "0"), away: true, code: codes.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			_, keda := serve(t, &queues{lag: tc.lag, away: tc.away})
			metrics, err := keda.GetMetrics(t.Context(), &pb.GetMetricsRequest{ScaledObjectRef: tc.ref, MetricName: MetricName})
			if status.Code(err) != tc.code {
				t.Fatalf("%s: GetMetrics: %v, want %v", tc.reason, err, tc.code)
			}
			active, err := keda.IsActive(t.Context(), tc.ref)
			if status.Code(err) != tc.code {
				t.Fatalf("%s: IsActive: %v, want %v", tc.reason, err, tc.code)
			}
			if tc.code != codes.OK {
				return
			}
			want := &pb.GetMetricsResponse{MetricValues: []*pb.MetricValue{{MetricName: MetricName, MetricValueFloat: tc.want}}}
			if diff := cmp.Diff(want, metrics, protocmp.Transform()); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if active.GetResult() != tc.active {
				t.Errorf("%s: IsActive says %v", tc.reason, active.GetResult())
			}
		})
	}
}

func TestOnePollCountsOnce(t *testing.T) {
	q := &queues{}
	_, keda := serve(t, q)
	if _, err := keda.GetMetrics(t.Context(), &pb.GetMetricsRequest{ScaledObjectRef: ref("a=7", "0"), MetricName: MetricName}); err != nil {
		t.Fatal(err)
	}
	if _, err := keda.IsActive(t.Context(), ref("a=7", "0")); err != nil {
		t.Fatal(err)
	}
	if q.asked != 1 {
		t.Errorf("the broker was asked %d times", q.asked)
	}
}

func TestMetricSpec(t *testing.T) {
	s, keda := serve(t, &queues{})
	want := &pb.GetMetricSpecResponse{MetricSpecs: []*pb.MetricSpec{{MetricName: MetricName, TargetSizeFloat: 1}}}
	got, err := keda.GetMetricSpec(t.Context(), ref("a=7", "0"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	stream, err := keda.StreamMetricSpec(t.Context(), ref("a=7", "0"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err = stream.Recv(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("the stream differs: -want +got:\n%s", diff)
	}
	s.Shutdown(t.Context())
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("a stream that is left ends with %v, after which KEDA waits ever longer", err)
	}
}

// TestStreamsAreBounded reads what the server says of that when a client comes.
func TestStreamsAreBounded(t *testing.T) {
	s := New(&queues{}, slog.New(slog.DiscardHandler))
	l := bufconn.Listen(1 << 16)
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	conn, err := l.DialContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	frame, err := http2.NewFramer(conn, conn).ReadFrame()
	if err != nil {
		t.Fatal(err)
	}
	settings, ok := frame.(*http2.SettingsFrame)
	if !ok {
		t.Fatalf("the server begins with %v", frame)
	}
	if got, _ := settings.Value(http2.SettingMaxConcurrentStreams); got != maxStreams {
		t.Errorf("%d streams at a time, want %d", got, maxStreams)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	s.Shutdown(t.Context())
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// TestPushes has an event come, and sees KEDA told; and the server go.
func TestPushes(t *testing.T) {
	q := &queues{}
	s, keda := serve(t, q)
	stream, err := keda.StreamIsActive(t.Context(), ref("a=7", "0"))
	if err != nil {
		t.Fatal(err)
	}
	q.put("a", 1)
	got, err := stream.Recv()
	if err != nil || !got.GetResult() {
		t.Fatalf("got %v, %v", got, err)
	}
	s.Shutdown(t.Context())
	if _, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("a stream that is left ends with %v, after which KEDA waits ever longer", err)
	}
	refused, err := keda.StreamIsActive(t.Context(), ref("a=7", "0"))
	if err == nil {
		_, err = refused.Recv()
	}
	if err == nil {
		t.Error("a server that was shut down serves")
	}
}
