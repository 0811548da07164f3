package push

import (
	"context"
	"time"

	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"google.golang.org/grpc"

	"github.com/weftmesh/weft/scalers"
)

// times of a stream.
type times struct {
	// rest is how long nothing is pushed after something was. KEDA sends nobody
	// to zero within the cooldown that follows a push, 30 s in what Weft desires,
	// so whatever comes meanwhile is taken.
	rest time.Duration
	// beat is how often queues are looked at that hold something, but not enough
	// to wake anybody.
	beat time.Duration
	// retry is the pause after a broker that gives no answer.
	retry time.Duration
}

var defaultTimes = times{rest: 10 * time.Second, beat: 500 * time.Millisecond, retry: 2 * time.Second}

// StreamIsActive sends true when there is enough to do to wake the target, and
// again while there is. It sends no false: KEDA does nothing with it.
func (s *Server) StreamIsActive(ref *pb.ScaledObjectRef, stream grpc.ServerStreamingServer[pb.IsActiveResponse]) error {
	p, err := pushed(ref)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	go func() {
		select {
		case <-s.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	for s.await(ctx, ref, p) {
		if err := stream.Send(&pb.IsActiveResponse{Result: true}); err != nil {
			return err
		}
		if !pause(ctx, s.times.rest) {
			break
		}
	}
	return nil
}

// await returns true when there is enough to do, and false when ctx ends.
func (s *Server) await(ctx context.Context, ref *pb.ScaledObjectRef, p scalers.Pushed) bool {
	told := false
	for ctx.Err() == nil {
		enough, next, err := s.look(ctx, ref, p)
		switch {
		case enough:
			return true
		case err != nil:
			if !told && ctx.Err() == nil {
				s.log.Warn("queues cannot be watched for KEDA; will try on", "scaledObject", ref.GetNamespace()+"/"+ref.GetName(), "error", err.Error())
			}
			told, next = true, s.times.retry
		default:
			told = false
		}
		if next > 0 {
			pause(ctx, next)
		}
	}
	return false
}

// look waits for an event if there is none. It returns how long to pause before
// the next look.
func (s *Server) look(ctx context.Context, ref *pb.ScaledObjectRef, p scalers.Pushed) (enough bool, next time.Duration, err error) {
	arrived := make(chan struct{}, 1)
	// First the watch, then the count: nothing comes in between.
	stop, err := s.watch(p, func() {
		select {
		case arrived <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return false, 0, err
	}
	defer stop()
	n, err := s.count(ctx, ref, p)
	switch {
	case err != nil:
		return false, 0, err
	case n > float64(p.Activation):
		return true, 0, nil
	case n > 0:
		return false, s.times.beat, nil
	}
	select {
	case <-arrived:
		// A backlog is counted once it has had time to grow.
		return p.Activation == 0, s.times.beat, nil
	case <-ctx.Done():
		return false, 0, ctx.Err()
	}
}

// watch watches all queues.
func (s *Server) watch(p scalers.Pushed, arrived func()) (stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, one := range stops {
			one()
		}
	}
	for _, w := range p.Queues {
		one, err := s.queues.Arrival(w.Queue, arrived)
		if err != nil {
			stop()
			return nil, err
		}
		stops = append(stops, one)
	}
	return stop, nil
}

// pause returns false if ctx ends before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
