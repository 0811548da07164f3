package local

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weftmesh/weft/bindings/daprapi"
	"github.com/weftmesh/weft/bindings/jetstream"
	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/local/replica"
	"github.com/weftmesh/weft/internal/telemetry"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/source"
)

// engine is one run of a mesh.
type engine struct {
	opts Options
	root string // directory of the mesh file, absolute

	data     *dataDir
	console  *telemetry.Console
	store    *telemetry.LogStore
	mask     telemetry.Mask
	log      *slog.Logger
	recorder *telemetry.Recorder
	broker   *jetstream.Server
	builds   *builds
	tokens   tokens

	// current is the generation of the mesh that takes traffic.
	current atomic.Pointer[generation]
	// reloading serialises changes of the mesh.
	reloading sync.Mutex
	// retiring waits for generations that were replaced.
	retiring sync.WaitGroup
	envFile  map[string]string

	gatewayListener, adminListener, sinkListener net.Listener
	gatewayServer, adminServer, sinkServer       *http.Server
	daprGRPCListener, daprHTTPListener           net.Listener
	// daprSocket serves what daprGRPCListener does; nil if there is none.
	daprSocket     net.Listener
	daprHTTPServer *http.Server
	daprServer     *daprapi.Server
	run            adminapi.Run
	ready          atomic.Bool
	// failed takes the errors of servers and dispatchers that end by
	// themselves.
	failed chan error
	// stopAsked is closed when the admin API asks to stop; delete says that
	// the queues are to be removed then. stopped is closed when that is done.
	stopAsked chan struct{}
	stopOnce  sync.Once
	delete    atomic.Bool
	stopped   chan struct{}
	stopErr   error

	idle     relaxer
	troubles troubles

	// closers undo what start has done, last first.
	closers []func() error
}

func newEngine(opts Options) (*engine, error) {
	if opts.File == "" {
		return nil, errors.New("no mesh file is named")
	}
	if opts.Sync != SyncInterval && opts.Sync != SyncAlways {
		return nil, fmt.Errorf("--sync %s: it is %s or %s", opts.Sync, SyncInterval, SyncAlways)
	}
	if opts.Out == nil {
		opts.Out = os.Stderr
	}
	if info, err := os.Stat(opts.File); err == nil && info.IsDir() {
		opts.File = source.FileIn(opts.File)
	}
	root, err := filepath.Abs(filepath.Dir(opts.File))
	if err != nil {
		return nil, fmt.Errorf("directory of the mesh: %w", err)
	}
	if opts.Data == "" {
		opts.Data = filepath.Join(root, DefaultData)
	}
	e := &engine{
		opts: opts, root: root,
		failed: make(chan error, 8), stopAsked: make(chan struct{}), stopped: make(chan struct{}),
	}
	e.console = telemetry.NewConsole(opts.Out, opts.Color)
	e.log = slog.New(slog.NewJSONHandler(lineWriter{e}, nil))
	return e, nil
}

// lineWriter takes the engine's own log lines.
type lineWriter struct{ e *engine }

func (w lineWriter) Write(p []byte) (int, error) {
	n := len(p)
	if n > 0 && p[n-1] == '\n' {
		p = p[:n-1]
	}
	// What went wrong may quote what a function was given or answered.
	w.e.put(telemetry.Line{Time: time.Now(), Text: append([]byte(nil), w.e.mask.Apply(p)...)})
	return n, nil
}

// put shows and stores a line.
func (e *engine) put(l telemetry.Line) {
	e.console.Put(l)
	if e.store != nil {
		e.store.Put(l)
	}
}

// say shows and stores a line of the engine's that is for people.
func (e *engine) say(format string, args ...any) {
	e.put(telemetry.Line{Time: time.Now(), Text: e.mask.Apply(fmt.Appendf(nil, format, args...))})
}

// output takes a line of a function's process.
func (e *engine) output(f *mesh.Function, pid int, line []byte) {
	e.put(telemetry.Line{Time: time.Now(), Function: f.Name, PID: pid, Text: e.mask.Clean(line)})
}

func (e *engine) onClose(fn func() error) { e.closers = append(e.closers, fn) }

// close undoes what start did, as far as it came.
func (e *engine) close() error {
	var errs []error
	for _, fn := range slices.Backward(e.closers) {
		errs = append(errs, fn())
	}
	e.closers = nil
	return errors.Join(errs...)
}

// load reads the mesh and checks that this engine can run it; warnings are
// shown.
func (e *engine) load() (*source.Bundle, error) {
	b, problems := source.Load(e.opts.File, source.Options{Set: e.opts.Set})
	if b.Plan != nil {
		problems = append(problems, b.CheckReferences()...)
		problems = append(problems, checkServed(b)...)
		problems = append(problems, e.checkDebug(b)...)
	}
	problems.Sort()
	for _, w := range problems.Warnings() {
		e.say("%s", w)
	}
	if err := problems.Errors().Err(); err != nil {
		return b, err
	}
	return b, nil
}

func (e *engine) checkDebug(b *source.Bundle) mesh.Problems {
	var problems mesh.Problems
	for _, name := range e.opts.Debug {
		if b.Plan.Function(name) == nil {
			var names []string
			for _, f := range b.Plan.Functions {
				names = append(names, f.Name)
			}
			p := mesh.Problem{File: "--debug " + name, Message: "there is no such function"}
			if near := mesh.Nearest(name, names); near != "" {
				p.Hint = fmt.Sprintf("did you mean %q?", near)
			}
			problems = append(problems, p)
		}
	}
	return problems
}

// start brings the mesh up, until it takes traffic.
func (e *engine) start(ctx context.Context) error {
	bundle, err := e.load()
	if err != nil {
		return err
	}
	if e.opts.EnvFile != "" {
		if e.envFile, err = readEnvFile(e.opts.EnvFile); err != nil {
			return err
		}
	}
	if err := e.openData(bundle); err != nil {
		return err
	}
	if err := e.listen(); err != nil {
		return err
	}
	if err := e.openParts(bundle); err != nil {
		return err
	}
	g, err := e.newGeneration(ctx, bundle)
	if err != nil {
		return err
	}
	e.current.Store(g)
	e.serveInside()
	e.serveDapr()
	if err := e.builds.first(ctx, g); err != nil {
		return err
	}
	if err := g.manager.Ready(ctx); err != nil {
		return err
	}
	g.run()
	e.serve(e.gatewayServer, e.gatewayListener)
	e.run = adminapi.Run{
		PID: os.Getpid(), Mesh: g.plan.Name, Namespace: g.plan.Namespace, File: e.file(),
		HTTP: address(e.gatewayListener.Addr()), Admin: address(e.adminListener.Addr()),
		Token: e.tokens.admin, Started: time.Now(), Version: e.opts.Version,
	}
	if err := e.data.writeRun(e.run); err != nil {
		return err
	}
	e.onClose(e.data.removeRun)
	e.ready.Store(true)
	e.console.Flush()
	if e.opts.OnReady != nil {
		e.opts.OnReady(e.run, Hints(g.plan, e.run.HTTP))
	}
	e.settle()
	return nil
}

func (e *engine) file() string {
	if abs, err := filepath.Abs(e.opts.File); err == nil {
		return abs
	}
	return e.opts.File
}

func (e *engine) openData(b *source.Bundle) (err error) {
	if e.data, err = openData(e.opts.Data); err != nil {
		return err
	}
	e.onClose(e.data.close)
	if err := e.data.removeRun(); err != nil {
		return err
	}
	if e.store, err = telemetry.OpenLogStore(e.data.file(dirLogs)); err != nil {
		return err
	}
	e.onClose(e.store.Close)
	e.mask.Set(secretValues(b))
	return e.data.endLeftovers(e.log)
}

// listen takes the addresses before anything slow happens, so that a port in
// use is told at once.
func (e *engine) listen() error {
	for _, l := range []struct {
		to            *net.Listener
		flag, address string
	}{
		{&e.gatewayListener, "http", e.opts.HTTP},
		{&e.adminListener, "admin", e.opts.Admin},
		{&e.sinkListener, "sink", "127.0.0.1:0"},
		{&e.daprGRPCListener, "dapr-grpc", "127.0.0.1:0"},
		{&e.daprHTTPListener, "dapr-http", "127.0.0.1:0"},
	} {
		opened, err := listen(l.flag, l.address)
		if err != nil {
			return err
		}
		*l.to = opened
		e.onClose(func() error { return closeListener(opened) })
	}
	if e.daprSocket = listenSocket(e.data.file(fileDapr), e.log); e.daprSocket != nil {
		e.onClose(func() error { return closeListener(e.daprSocket) })
	}
	if !isLoopback(e.adminListener.Addr()) {
		e.say("warning: --admin %s can be reached from other machines: metrics are open to all, the API to those that have the token", e.opts.Admin)
	}
	return nil
}

func (e *engine) openParts(b *source.Bundle) (err error) {
	e.tokens = newTokens()
	if e.broker, err = openBroker(e.data.file(dirJetStream), b.Plan, e.opts, e.log); err != nil {
		return err
	}
	e.onClose(e.sweep) // after the broker has closed
	e.onClose(e.broker.Close)
	e.recorder = telemetry.NewRecorder(b.Plan)
	e.recorder.SetSources(telemetry.Sources{Queues: e.queueStats, DeadLetters: e.deadLetters, Replicas: e.replicas})
	e.builds = newBuilds(e)
	e.onClose(e.builds.close)
	return nil
}

// observe is told what happens to processes.
func (e *engine) observe(ev replica.Event) {
	name := ev.Function.Name
	switch ev.Kind {
	case replica.KindReady:
		e.troubles.over(name)
		e.log.Info(name+" is ready", "pid", ev.PID, "after", (ev.Spawn + ev.Listen + ev.Ready).Round(100*time.Microsecond).String())
	case replica.KindExited:
		// One that never came to be is told of by what follows from it.
		if ev.Err != nil && (ev.PID != 0 || ev.URL != "") {
			e.log.Warn(name+" ended", "pid", ev.PID, "error", why(ev.Err))
		}
	case replica.KindFailed:
		if ev.Err != nil && e.troubles.isNew(name, why(ev.Err), time.Now()) {
			e.log.Error(name+" is not available", "error", why(ev.Err))
		}
	case replica.KindZero:
		if ev.Function.Spec.URL != "" {
			break // its server is not ours
		}
		e.log.Info(name + " is at zero")
		e.relax()
	case replica.KindReplaced:
		e.log.Info(name+" is replaced", "revision", ev.Revision)
	case replica.KindDebugging:
		e.log.Info(name+" waits for a debugger", "connect", "dlv connect "+ev.Address)
	}
}
