package dataplane

import (
	"context"
	"fmt"
	"net"
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
}

// listenScaler takes the address at which KEDA asks a front.
func (p *process) listenScaler() (err error) {
	if p.opts.Role != RoleFront {
		return nil
	}
	l, err := net.Listen("tcp", p.opts.Scaler)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	p.scaler = &scaler{server: push.New(p.broker, p.opts.Logger), listener: l}
	return nil
}

// serve begins, and tells of an end that nobody asked for.
func (s *scaler) serve(failed chan<- error) {
	if s == nil {
		return
	}
	go func() {
		if err := s.server.Serve(s.listener); err != nil {
			failed <- err
		}
	}()
}

func (s *scaler) address() string {
	if s == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// shutdown sends KEDA to the next front.
func (s *scaler) shutdown() {
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), scalerWithin)
	defer cancel()
	s.server.Shutdown(ctx)
}
