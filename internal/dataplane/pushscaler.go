package dataplane

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/weftmesh/weft/scalers/push"
)

// scalerWithin bounds the end of the server for KEDA: its streams end by
// themselves, and counting a queue takes milliseconds.
const scalerWithin = 2 * time.Second

// scaler tells KEDA what waits in the queues of the mesh. nil is one that is not
// served.
type scaler struct {
	server   *push.Server
	listener net.Listener
	queues   atomic.Pointer[push.Queues] // nil until the broker is reached
}

// listenScaler serves KEDA in a front. It begins before the broker is reached,
// and ends last: KEDA waits ever longer before it comes again where nobody
// answered, and asks for what is always the same when a ScaledObject is made.
func (p *process) listenScaler() error {
	if p.opts.Role != RoleFront {
		return nil
	}
	l, err := net.Listen("tcp", p.opts.Scaler)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	s := &scaler{listener: l}
	s.server = push.New(s, p.opts.Logger)
	p.scaler = s
	go func() {
		if err := s.server.Serve(l); err != nil {
			p.servers.failed <- err
		}
	}()
	return nil
}

// begin has s count in the queues of a broker that was reached.
func (s *scaler) begin(q push.Queues) {
	if s != nil {
		s.queues.Store(&q)
	}
}

func (s *scaler) address() string {
	if s == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// shutdown sends KEDA to the next front. It may be called again.
func (s *scaler) shutdown() {
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), scalerWithin)
	defer cancel()
	s.server.Shutdown(ctx)
}

var errNotReached = errors.New("the broker is not there yet")

// Lag implements push.Queues.
func (s *scaler) Lag(ctx context.Context, queue string) (int, error) {
	if q := s.queues.Load(); q != nil {
		return (*q).Lag(ctx, queue)
	}
	return 0, errNotReached
}

// Arrival implements push.Queues.
func (s *scaler) Arrival(queue string, arrived func()) (stop func(), err error) {
	if q := s.queues.Load(); q != nil {
		return (*q).Arrival(queue, arrived)
	}
	return nil, errNotReached
}
