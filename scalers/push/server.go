package push

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"github.com/weftmesh/weft/scalers"
)

// Queues is what a Server watches. It is safe for concurrent use.
type Queues interface {
	// Lag counts the events of a queue that are not acknowledged.
	Lag(ctx context.Context, queue string) (int, error)
	// Arrival calls arrived, at most once, when an event comes into the queue
	// after Arrival has returned, whoever sends it. stop ends the watch.
	Arrival(queue string, arrived func()) (stop func(), err error)
}

// MetricName is the one metric that there is: the number of replicas that the
// fullest of the queues calls for.
const MetricName = "backlog"

const (
	// fresh is how old a count may be that IsActive answers with: KEDA asks for
	// both in a row.
	fresh = time.Second
	// maxKnown bounds the counts that are kept.
	maxKnown = 1000
	// maxRequest bounds what is read of a request, in bytes.
	maxRequest = 64 << 10
	// maxStreams bounds what one connection may ask for at a time. KEDA's operator
	// has one for all ScaledObjects of a mesh, with two streams for each.
	maxStreams = 1000
	// pingAfter and pingWithin find out that a KEDA is gone that did not say so.
	pingAfter  = time.Minute
	pingWithin = 20 * time.Second
)

// Server serves KEDA's ExternalScaler for the queues of a mesh.
type Server struct {
	pb.UnimplementedExternalScalerServer
	queues Queues
	log    *slog.Logger
	grpc   *grpc.Server
	times  times

	ended chan struct{}
	end   sync.Once

	mu    sync.Mutex
	known map[string]count // by ScaledObject
}

// count is what was found last.
type count struct {
	replicas float64
	at       time.Time
}

// New returns a Server; log may be nil.
func New(q Queues, log *slog.Logger) *Server {
	if log == nil {
		log = slog.Default()
	}
	s := &Server{queues: q, log: log, times: defaultTimes, known: make(map[string]count), ended: make(chan struct{})}
	s.grpc = grpc.NewServer(grpc.MaxRecvMsgSize(maxRequest), grpc.MaxConcurrentStreams(maxStreams),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: pingAfter, Timeout: pingWithin}))
	pb.RegisterExternalScalerServer(s.grpc, s)
	return s
}

// Serve serves at l until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	if err := s.grpc.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("scaler at %s: %w", l.Addr(), err)
	}
	return nil
}

// Shutdown ends all streams in a way after which KEDA soon asks the next
// server, and waits for calls under way until ctx ends.
func (s *Server) Shutdown(ctx context.Context) {
	s.end.Do(func() { close(s.ended) })
	done := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.grpc.Stop()
		<-done
	}
}

// IsActive says whether there is enough to do to wake the target.
func (s *Server) IsActive(ctx context.Context, ref *pb.ScaledObjectRef) (*pb.IsActiveResponse, error) {
	p, err := pushed(ref)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	c, ok := s.known[key(ref)]
	s.mu.Unlock()
	if !ok || time.Since(c.at) > fresh {
		if c.replicas, err = s.count(ctx, ref, p); err != nil {
			return nil, unavailable(err)
		}
	}
	return &pb.IsActiveResponse{Result: c.replicas > float64(p.Activation)}, nil
}

// GetMetrics counts.
func (s *Server) GetMetrics(ctx context.Context, r *pb.GetMetricsRequest) (*pb.GetMetricsResponse, error) {
	p, err := pushed(r.GetScaledObjectRef())
	if err != nil {
		return nil, err
	}
	n, err := s.count(ctx, r.GetScaledObjectRef(), p)
	if err != nil {
		return nil, unavailable(err)
	}
	return &pb.GetMetricsResponse{MetricValues: []*pb.MetricValue{{MetricName: MetricName, MetricValueFloat: n}}}, nil
}

// GetMetricSpec is the same for all: the metric is in replicas.
func (s *Server) GetMetricSpec(_ context.Context, ref *pb.ScaledObjectRef) (*pb.GetMetricSpecResponse, error) {
	if _, err := pushed(ref); err != nil {
		return nil, err
	}
	return &pb.GetMetricSpecResponse{MetricSpecs: []*pb.MetricSpec{{MetricName: MetricName, TargetSizeFloat: 1}}}, nil
}

// StreamMetricSpec says once what GetMetricSpec says.
func (s *Server) StreamMetricSpec(ref *pb.ScaledObjectRef, stream grpc.ServerStreamingServer[pb.GetMetricSpecResponse]) error {
	spec, err := s.GetMetricSpec(stream.Context(), ref)
	if err != nil {
		return err
	}
	if err := stream.Send(spec); err != nil {
		return err
	}
	select {
	case <-stream.Context().Done():
	case <-s.ended:
	}
	return nil
}

// count asks for what waits, in replicas that it calls for.
func (s *Server) count(ctx context.Context, ref *pb.ScaledObjectRef, p scalers.Pushed) (float64, error) {
	most := 0.0
	for _, w := range p.Queues {
		n, err := s.queues.Lag(ctx, w.Queue)
		if err != nil {
			return 0, err
		}
		most = max(most, float64(n)/float64(w.Target))
	}
	s.mu.Lock()
	if len(s.known) >= maxKnown {
		clear(s.known) // of ScaledObjects that are no more
	}
	s.known[key(ref)] = count{most, time.Now()}
	s.mu.Unlock()
	return most, nil
}

// key of what is asked: ScaledObjects differ by name, and one may change.
func key(ref *pb.ScaledObjectRef) string {
	return ref.GetNamespace() + "/" + ref.GetName() + "/" + ref.GetScalerMetadata()["queues"]
}

func pushed(ref *pb.ScaledObjectRef) (scalers.Pushed, error) {
	p, err := scalers.ParsePush(ref.GetScalerMetadata())
	if err != nil {
		return p, status.Errorf(codes.InvalidArgument, "ScaledObject %s/%s: %v", ref.GetNamespace(), ref.GetName(), err)
	}
	return p, nil
}

func unavailable(err error) error { return status.Error(codes.Unavailable, err.Error()) }
