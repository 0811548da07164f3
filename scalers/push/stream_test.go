package push

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	pb "github.com/kedacore/keda/v2/pkg/scalers/externalscaler"
	"google.golang.org/grpc"
)

// told is a stream that notes when something was sent, in time since it began.
type told struct {
	grpc.ServerStreamingServer[pb.IsActiveResponse]
	ctx   context.Context
	begun time.Time
	at    []time.Duration
}

func (s *told) Context() context.Context { return s.ctx }

func (s *told) Send(*pb.IsActiveResponse) error {
	s.at = append(s.at, time.Since(s.begun))
	return nil
}

func TestStreamIsActive(t *testing.T) {
	type step struct {
		at    time.Duration
		queue string
		n     int
		// away and back of the broker, instead.
		away, back bool
	}
	for name, tc := range map[string]struct {
		reason string
		ref    *pb.ScaledObjectRef
		steps  []step
		want   []time.Duration
	}{
		"nothing": {reason: "KEDA is told of events only", ref: ref("a=7", "0")},
		"waiting": {
			reason: "what waits when KEDA comes wakes at once",
			ref:    ref("a=7", "0"), steps: []step{{queue: "a", n: 1}, {at: time.Second, queue: "a", n: -1}},
			want: []time.Duration{0},
		},
		"first": {
			reason: "the first event wakes at once",
			ref:    ref("a=7", "0"), steps: []step{{at: 3 * time.Second, queue: "a", n: 1}, {at: 4 * time.Second, queue: "a", n: -1}},
			want: []time.Duration{3 * time.Second},
		},
		"taken at once": {
			reason: "an event that is already taken when it is counted was one",
			ref:    ref("a=7", "0"), steps: []step{{at: 3 * time.Second, queue: "a", n: 1}, {at: 3 * time.Second, queue: "a", n: -1}},
			want: []time.Duration{3 * time.Second},
		},
		"more soon after": {
			reason: "who was just woken is not woken again for each event",
			ref:    ref("a=7", "0"), steps: []step{
				{at: time.Second, queue: "a", n: 1}, {at: 2 * time.Second, queue: "a", n: 1}, {at: 3 * time.Second, queue: "a", n: -2},
			},
			want: []time.Duration{time.Second},
		},
		"while it lasts": {
			reason: "KEDA sends nobody to zero while there is something to do",
			ref:    ref("a=7", "0"), steps: []step{{at: time.Second, queue: "a", n: 1}, {at: 12 * time.Second, queue: "a", n: -1}},
			want: []time.Duration{time.Second, 11 * time.Second},
		},
		"later": {
			reason: "an event that comes when all have gone home wakes at once again",
			ref:    ref("a=7", "0"), steps: []step{
				{at: time.Second, queue: "a", n: 1}, {at: 2 * time.Second, queue: "a", n: -1}, {at: 45 * time.Second, queue: "a", n: 1},
				{at: 46 * time.Second, queue: "a", n: -1},
			},
			want: []time.Duration{time.Second, 45 * time.Second},
		},
		"backlog": {
			reason: "dispatchers are woken once more waits than the front is meant to take",
			ref:    ref("a=100,b=100", "1"), steps: []step{
				{at: time.Second, queue: "b", n: 100}, {at: 5 * time.Second, queue: "b", n: 1}, {at: 6 * time.Second, queue: "b", n: -101},
			},
			want: []time.Duration{5*time.Second + 500*time.Millisecond},
		},
		"backlog at once": {
			reason: "a backlog that comes at once is counted half a second later",
			ref:    ref("a=100,b=100", "1"), steps: []step{{at: time.Second, queue: "a", n: 500}, {at: 6 * time.Second, queue: "a", n: -500}},
			want: []time.Duration{time.Second + 500*time.Millisecond},
		},
		"broker away": {
			reason: "the stream outlives a broker that is away, and says what it missed",
			ref:    ref("a=7", "0"), steps: []step{
				{away: true}, {at: time.Second, queue: "a", n: 1}, {at: 5 * time.Second, back: true}, {at: 7 * time.Second, queue: "a", n: -1},
			},
			want: []time.Duration{6 * time.Second},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := &queues{}
				s := New(q, slog.New(slog.DiscardHandler))
				ctx, cancel := context.WithCancel(t.Context())
				stream := &told{ctx: ctx, begun: time.Now()}
				var later []step
				for _, one := range tc.steps {
					switch {
					case one.at > 0:
						later = append(later, one)
					case one.away:
						q.set(true)
					default:
						q.put(one.queue, one.n)
					}
				}
				ended := make(chan error)
				go func() { ended <- s.StreamIsActive(tc.ref, stream) }()
				for _, one := range later {
					time.Sleep(time.Until(stream.begun.Add(one.at)))
					synctest.Wait()
					if one.back {
						q.set(false)
					} else {
						q.put(one.queue, one.n)
					}
				}
				time.Sleep(time.Minute)
				cancel()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(tc.want, stream.at); diff != "" {
					t.Errorf("%s: told at -want +got:\n%s", tc.reason, diff)
				}
				if len(q.watched) != 0 {
					t.Errorf("%d queues are still watched", len(q.watched))
				}
			})
		})
	}
}

func TestStreamEndsWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := New(&queues{}, nil)
		ended := make(chan error)
		go func() { ended <- s.StreamIsActive(ref("a=7", "0"), &told{ctx: t.Context()}) }()
		synctest.Wait()
		s.Shutdown(t.Context())
		if err := <-ended; err != nil {
			t.Errorf("it ends with %v, after which KEDA waits ever longer", err)
		}
	})
}
