package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	// headerTimeout bounds how long a client may take to send its headers.
	headerTimeout = 10 * time.Second
	// idleTimeout is how long a connection without requests is kept.
	idleTimeout = 2 * time.Minute
	// maxHeader bounds a request's headers in bytes.
	maxHeader = 64 << 10
)

func (e *engine) newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(e.log.Handler(), slog.LevelDebug),
	}
}

// serveInside starts the servers that are there before the mesh takes traffic:
// functions may emit as soon as they run, and people may want to know.
func (e *engine) serveInside() {
	e.gatewayServer = e.newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := e.use()
		defer g.release()
		g.gateway.ServeHTTP(w, r)
	}))
	e.sinkServer = e.newServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := e.use()
		defer g.release()
		g.sink.ServeHTTP(w, r)
	}))
	e.adminServer = e.newServer(e.adminHandler())
	e.serve(e.sinkServer, e.sinkListener)
	e.serve(e.adminServer, e.adminListener)
}

func (e *engine) serve(s *http.Server, l net.Listener) {
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			e.fail(fmt.Errorf("server at %s: %w", l.Addr(), err))
		}
	}()
}

// fail ends the engine with an error.
func (e *engine) fail(err error) {
	select {
	case e.failed <- err:
	default: // another one is ending it already
	}
}

// shutdown lets the requests of a server finish until ctx ends, and then cuts
// them off.
func shutdown(ctx context.Context, s *http.Server) {
	if s == nil {
		return
	}
	if err := s.Shutdown(ctx); err != nil {
		_ = s.Close() // it ends what Shutdown left, and has nothing to add
	}
}
