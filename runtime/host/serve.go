package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Times of the server. Idle connections outlive those of usual clients (90
// seconds in Go's and the engine's), so that it is the client who closes them,
// and no request meets a connection that is being closed.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 3 * time.Minute
)

// Serve serves HTTP/1.1 and HTTP/2 without TLS (h2c) on ln until ctx ends.
// Then it accepts no more, is not ready, and waits for the calls under way, for
// Options.Grace at most; those that are left are cut off, which the error says.
// It closes ln.
func (h *Host) Serve(ctx context.Context, ln net.Listener) error {
	calls, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler:           h,
		Protocols:         protocols,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		ErrorLog:          slog.NewLogLogger(h.log.Handler(), slog.LevelWarn),
		BaseContext:       func(net.Listener) context.Context { return calls },
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(ln) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve on %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}

	h.draining.Store(true)
	h.log.Debug("stopping", "grace", h.opts.Grace)
	grace, cancel := context.WithTimeout(calls, h.opts.Grace)
	defer cancel()
	err := server.Shutdown(grace)
	if err == nil {
		err = h.waitHijacked(grace)
	}
	if h.sink != nil {
		h.sink.close()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		cut()
		_ = server.Close() // what is left is cut off, which the error says
		return fmt.Errorf("calls still ran %s after the stop and were cut off", h.opts.Grace)
	}
	return err
}

// waitHijacked waits for handlers that took over their connection: net/http
// does not.
func (h *Host) waitHijacked(ctx context.Context) error {
	done := make(chan struct{})
	go func() { h.hijacked.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
