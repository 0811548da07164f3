package fn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/pages"
	"github.com/weftmesh/weft/runtime/host"
	"github.com/weftmesh/weft/runtime/internal/logs"
	"github.com/weftmesh/weft/runtime/internal/registry"
)

// Main serves the registered functions on PORT until SIGTERM or SIGINT, then
// lets the calls under way finish and returns. If it cannot serve, it prints
// why and exits with 1. Call it last in main.
//
// With FUNCTION_TARGET set, the function of that name (as written or in
// kebab-case) is served at every path. Without it a single function is served
// so, and several each at /<name>.
//
// Main makes slog's default logger write JSON lines to stderr at LOG_LEVEL,
// with the ids of the call, unless the program has set one of its own.
func Main(opts ...Option) {
	var p program
	for _, o := range opts {
		o(&p)
	}
	if err := p.run(os.Getenv, os.Stderr); err != nil {
		_, _ = fmt.Fprintf(os.Stderr, "weft function: %v\n", err) // nowhere else to say it
		os.Exit(1)
	}
}

// initial is the default logger of a program that has set none.
var initial = slog.Default()

func (p *program) run(getenv func(string) string, stderr io.Writer) error {
	if slog.Default() == initial {
		slog.SetDefault(newLogger(getenv(contract.EnvLogLevel), stderr))
	}
	opts, err := host.FromEnv(getenv)
	if err != nil {
		return err
	}
	opts.Ready, opts.Alive = p.ready, p.alive
	h, err := host.New(opts, registry.All()...)
	if err != nil {
		return err
	}
	addr := listenAddress(getenv(contract.EnvPort), opts.Sink)
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return fmt.Errorf("%s is in use by another program: set %s to a free port", addr, contract.EnvPort)
		}
		return fmt.Errorf("%s: %w", contract.EnvPort, err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	level := slog.LevelDebug
	if opts.Service == "" { // by hand: someone is looking
		level = slog.LevelInfo
	}
	slog.Log(ctx, level, "serving", "address", "http://"+ln.Addr().String())
	if opts.Ready == nil { // else the engine asks
		tellReady(getenv(contract.EnvReadyFD))
	}
	settled := time.AfterFunc(settleAfter, settle)
	defer settled.Stop()
	return p.serve(ctx, h, ln, opts.Grace)
}

// settleAfter is how long after its start a function gives back the memory that
// only the start has needed: later than the call that it was started for.
const settleAfter = time.Second

func settle() {
	if err := pages.Release(); err != nil {
		slog.Debug("the start's memory is not given back", "error", err)
	}
}

// listenAddress is where to listen: on all interfaces, as containers must, but
// on loopback alone if the engine is on this machine, as its sink's address
// tells.
func listenAddress(port, sink string) string {
	if port == "" {
		port = "8080"
	}
	host := ""
	if u, err := url.Parse(sink); err == nil {
		if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsLoopback() {
			host = ip.String()
		}
	}
	return net.JoinHostPort(host, port)
}

// newLogger returns the logger for a LOG_LEVEL, which it warns of if it is
// none.
func newLogger(level string, w io.Writer) *slog.Logger {
	l := slog.LevelInfo
	known := true
	switch strings.ToLower(level) {
	case "", "info":
	case "debug":
		l = slog.LevelDebug
	case "warn", "warning":
		l = slog.LevelWarn
	case "error":
		l = slog.LevelError
	default:
		known = false
	}
	logger := logs.New(w, l)
	if !known {
		logger.Warn("unknown log level: use debug, info, warn or error", "variable", contract.EnvLogLevel, "value", level, "used", "info")
	}
	return logger
}
