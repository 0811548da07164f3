package dataplane

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/mesh/gateway"
)

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

// servers of a process.
type servers struct {
	front, sink, metrics, admin *server
	failed                      chan error
}

type server struct {
	http.Server
	listener net.Listener
}

// listenMetrics serves metrics and health.
func (s *servers) listenMetrics(p *process) (err error) {
	s.failed = make(chan error, 4)
	if s.metrics, err = listen(p, p.opts.Metrics, p.observability()); err != nil {
		return err
	}
	s.begin(s.metrics)
	return nil
}

// listen takes the other addresses of p's role and makes what answers there.
func (s *servers) listen(p *process) (err error) {
	if p.opts.Role != RoleFront {
		return nil
	}
	g, err := gateway.New(gateway.Config{
		Plan: p.plan, Endpoints: p.services, Dispatcher: p.dispatcher, Observer: p.recorder, Logger: p.opts.Logger,
	})
	if err != nil {
		return err
	}
	if s.front, err = listen(p, p.opts.HTTP, g); err != nil {
		return err
	}
	if s.admin, err = listen(p, p.opts.Admin, p.admin()); err != nil {
		return err
	}
	sc, err := newSidecar(p.plan, p.dispatcher, p.recorder, p.opts)
	if err != nil {
		return err
	}
	sink := gateway.NewSink(gateway.SinkConfig{Plan: p.plan, Dispatcher: p.dispatcher, Tokens: p.tokens, Logger: p.opts.Logger})
	if s.sink, err = listen(p, p.opts.Sink, newIntake(sc.before(sink))); err != nil {
		return err
	}
	s.sink.ReadTimeout = bodyTimeout
	return nil
}

func listen(p *process, address string, h http.Handler) (*server, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &server{listener: l, Server: http.Server{
		Handler: h, Protocols: protocols, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(p.opts.Logger.Handler(), slog.LevelDebug),
	}}, nil
}

func (s *servers) all() []*server {
	var all []*server
	for _, one := range []*server{s.front, s.sink, s.metrics, s.admin} {
		if one != nil {
			all = append(all, one)
		}
	}
	return all
}

// serve begins with what listen made.
func (s *servers) serve() {
	for _, one := range s.all() {
		if one != s.metrics {
			s.begin(one)
		}
	}
}

func (s *servers) begin(one *server) {
	go func() {
		if err := one.Serve(one.listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("server at %s: %w", one.listener.Addr(), err)
		}
	}()
}

// close ends all at once: nobody was served yet.
func (s *servers) close() {
	for _, one := range s.all() {
		_ = one.listener.Close() // a server that does not serve yet does not know it
		_ = one.Close()
	}
}

func (s *servers) addresses() Addresses {
	at := func(one *server) string {
		if one == nil {
			return ""
		}
		return one.listener.Addr().String()
	}
	return Addresses{HTTP: at(s.front), Sink: at(s.sink), Metrics: at(s.metrics), Admin: at(s.admin)}
}

// shutdownFront lets the requests of the gateway finish.
func (s *servers) shutdownFront(ctx context.Context) {
	if s.front != nil {
		s.front.end(ctx)
	}
}

// shutdown ends what is left.
func (s *servers) shutdown(ctx context.Context) {
	for _, one := range s.all() {
		one.end(ctx)
	}
}

// end lets requests finish until ctx ends, and then cuts them off.
func (s *server) end(ctx context.Context) {
	if s.Shutdown(ctx) != nil {
		_ = s.Close() // it ends what Shutdown left, and has nothing to add
	}
}

// observability serves metrics and health.
func (p *process) observability() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", p.recorder.Handler())
	mux.HandleFunc("GET "+contract.PathLiveness, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET "+contract.PathReadiness, func(w http.ResponseWriter, _ *http.Request) {
		if err := p.ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	return mux
}
