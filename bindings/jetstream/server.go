package jetstream

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Server is a Broker with a NATS server of its own inside the process. It
// listens on no port.
type Server struct {
	*Broker
	srv    *server.Server
	opts   Options
	config server.JetStreamConfig
	stop   context.CancelFunc
}

// maxStore is the server's bound over all queues: none, as each has its own
// and a full disk is a case of its own.
const maxStore = 1 << 50

// Start runs a server on opts.Dir, which must belong to no other, and connects
// to it. It returns once queues can be declared.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.DedupWindow <= 0 {
		opts.DedupWindow = embeddedDedupWindow
	}
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	interval, always, err := opts.syncInterval()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("queue directory: %w", err)
	}
	if err := keepDir(filepath.Join(opts.Dir, server.JetStreamStoreDir, server.DEFAULT_GLOBAL_ACCOUNT)); err != nil {
		return nil, err
	}
	log := &serverLog{log: opts.Logger.With("component", "nats"), failed: make(chan string, 1)}
	srv, err := server.NewServer(&server.Options{
		ServerName:             "weft-" + opts.Mesh,
		DontListen:             true,
		NoSigs:                 true,
		JetStream:              true,
		StoreDir:               opts.Dir,
		SyncInterval:           serverSync,
		SyncAlways:             always,
		JetStreamMaxMemory:     16 << 20,
		JetStreamMaxStore:      maxStore,
		MaxPayload:             int32(min(opts.MaxEvent+headerRoom, 64<<20)), //nolint:gosec // bounded
		MaxPending:             64 << 20,
		NoSystemAccount:        true,
		DisableJetStreamBanner: true,
		DisableShortFirstPing:  true,
		PingInterval:           time.Hour,
		WriteDeadline:          time.Minute,
	})
	if err != nil {
		return nil, fmt.Errorf("embedded NATS server: %w", err)
	}
	srv.SetLoggerV2(log, false, false, false)
	srv.Start()
	s := &Server{srv: srv, opts: opts}
	if log.gaveUp() || !srv.ReadyForConnections(readyWait(ctx)) {
		s.halt()
		return nil, fmt.Errorf("embedded NATS server on %s did not get ready: %w", opts.Dir, log.errors("no reason given"))
	}
	if !srv.JetStreamEnabled() {
		s.halt()
		return nil, fmt.Errorf("queues in %s cannot be opened: %w; move the directory away to start empty, or bring it back from a copy", opts.Dir, log.errors("JetStream is off"))
	}
	if err := log.begun(); err != nil {
		s.halt()
		return nil, fmt.Errorf("queues in %s are damaged: %w; bring the directory back from a copy, or move it away to start empty", opts.Dir, err)
	}
	nc, err := nats.Connect("", nats.InProcessServer(srv), nats.Name("weft"),
		nats.MaxReconnects(-1), nats.ReconnectWait(100*time.Millisecond), nats.PingInterval(time.Hour),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			opts.Logger.Warn("connection to the queues", "error", err)
		}))
	if err != nil {
		s.halt()
		return nil, fmt.Errorf("connect to the embedded NATS server: %w", err)
	}
	s.config = *srv.JetStreamConfig()
	files := newSyncer(opts.Dir, interval, log.failed)
	if always {
		// The server syncs its own files. The log needs less: after a power
		// cut acknowledged events may come again in any case.
		files = newSyncer(filepath.Join(opts.Dir, logDir), logSync, log.failed)
	}
	s.Broker, err = newBroker(ctx, nc, opts, files, func(stream string) (*ackLog, error) {
		return openAckLog(opts.Dir, stream, opts.DedupWindow, time.Now, log.failed)
	})
	if err != nil {
		nc.Close()
		s.halt()
		return nil, fmt.Errorf("queues in %s cannot be opened: %w", opts.Dir, err)
	}
	var running context.Context
	running, s.stop = context.WithCancel(context.Background())
	go s.guard(running, log.failed)
	go files.run(running)
	return s, nil
}

// keepDir makes the directory of all queues and leaves a file in it. When a
// stream is deleted the server removes the directory if it is empty, in the
// background, and may do so to the next server's, which has just made it.
func keepDir(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, ".keep"), nil, 0o600)
	}
	if err != nil {
		return fmt.Errorf("queue directory: %w", err)
	}
	return nil
}

// logSync is how often the log of acknowledged events is synced at least.
const logSync = time.Second

// headerRoom is for the attributes of an event at its bound.
const headerRoom = 64 << 10

func readyWait(ctx context.Context) time.Duration {
	if t, ok := ctx.Deadline(); ok {
		return time.Until(t)
	}
	return time.Minute
}

// NATS returns the server, for those who add listeners or accounts to it.
func (s *Server) NATS() *server.Server { return s.srv }

// Close disconnects and stops the server, with all files synced.
func (s *Server) Close() error {
	s.stop()
	err := s.Broker.Close()
	s.nc.Close()
	s.halt()
	return err
}

func (s *Server) halt() {
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
}
