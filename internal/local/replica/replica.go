// Package replica runs the functions of a mesh as child processes: on demand,
// several under load, none when idle; restarted when they crash and replaced
// when their code changes. Manager implements delivery.Endpoints.
package replica

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// Code is what runs for a function: exactly one field is set.
type Code struct {
	// Binary is the path of an executable (the builder's).
	Binary string
	// Command is a program and its arguments, run without a shell.
	Command []string
	// URL of a server that is already running and that the manager neither
	// starts nor stops.
	URL string
	// Source is a directory still to be built, as Locate finds it; SetCode
	// refuses it.
	Source string
}

// Locate returns the first that exists of the function's url, command, source
// and ./functions/<kebab-name>, paths relative to root (the directory of the
// mesh file). The error names all four.
func Locate(root string, f *mesh.Function) (Code, error) { return Code{}, nil }

// Options of a Manager. Plan, Dir and Data are required.
type Options struct {
	Plan *mesh.Plan
	// Dir is the working directory of the processes: that of the mesh file.
	Dir string
	// Data is the engine's data directory; the file "processes" in it names
	// the processes, so that those of a killed engine can be ended.
	Data string
	// Idle is how long a function without calls keeps its processes; 30s if
	// zero.
	Idle time.Duration
	// StartTimeout bounds the time from the start of a process until it
	// answers; 30s if zero. Grace is how long a process has between SIGTERM
	// and SIGKILL; 10s if zero.
	StartTimeout, Grace time.Duration
	// Env returns what a function's environment has beside the contract and
	// the few variables taken from the engine's, as KEY=value; may be nil.
	// It is called once for each revision. Its error makes the function
	// unavailable, and is tried again.
	Env func(*mesh.Function) ([]string, error)
	// Sink returns K_SINK; its last path segment is the token of deliveries.
	// "" or nil: none.
	Sink func(*mesh.Function) string
	// MaxReplicas bounds the replicas of a function on this machine below
	// what its mesh allows; 2 x GOMAXPROCS if zero.
	MaxReplicas int
	// Debug names the functions that run under a debugger.
	Debug []string
	// Output is called with each line that a process writes to stdout or
	// stderr, without the line feed, at most 64 KiB (longer ones come in
	// parts). line is valid only during the call. A slow Output slows the
	// process once its pipe is full. May be nil.
	Output func(f *mesh.Function, pid int, line []byte)
	// Observer is told what happens to processes; it must not block. May be
	// nil.
	Observer func(Event)
	// Transport is used for calls; one made for loopback if nil.
	Transport http.RoundTripper
	// Logger; slog.Default() if nil.
	Logger *slog.Logger
}

// Kind of an Event.
type Kind string

// The kinds of events.
const (
	// KindStarting: a process is being started. KindReady: it takes calls;
	// Spawn and Listen say how long that took. KindDraining: it takes no new
	// calls. KindExited: it is gone; Err is how, if that was not wished for.
	KindStarting Kind = "starting"
	KindReady    Kind = "ready"
	KindDraining Kind = "draining"
	KindExited   Kind = "exited"
	// KindFailed: the function is unavailable, Err says why.
	KindFailed Kind = "failed"
	// KindZero: the last process of the function is gone.
	KindZero Kind = "zero"
	// KindReplaced: calls go to a new revision.
	KindReplaced Kind = "replaced"
	// KindDebugging: a debugger can connect to Address.
	KindDebugging Kind = "debugging"
)

// Event tells what happened to a function's processes.
type Event struct {
	Kind     Kind
	Function *mesh.Function
	PID      int
	URL      string
	Revision string
	// Spawn is the time from the decision to start until the process
	// existed, Listen from then until it accepted a connection, Ready from
	// then until it answered; set for KindReady.
	Spawn, Listen, Ready time.Duration
	// Address of the debugger, for KindDebugging.
	Address string
	Err     error
}

// Manager runs processes. Its methods are safe for concurrent use.
type Manager struct{ opts Options }

var _ delivery.Endpoints = (*Manager)(nil)

// New returns a manager with no process running, after ending those that a
// killed engine left behind in the same data directory. Functions with a url
// or command have their code at once, others wait for SetCode.
func New(opts Options) (*Manager, error) { return &Manager{opts: opts}, nil }

// SetCode says what runs for f from now on. If f has processes, one of the
// new revision is started first and calls move to it once it is ready; the
// old ones then finish what they have. If it does not become ready, the old
// ones stay and the error (a *delivery.UnavailableError) says why. If f has
// none, they are started when needed (or at once for minReplicas and Debug),
// and SetCode returns without waiting for them.
func (m *Manager) SetCode(ctx context.Context, f *mesh.Function, c Code) error { return nil }

// SetBuilding says that code for f is being made: calls wait for it, unless
// an older revision takes them.
func (m *Manager) SetBuilding(f *mesh.Function) {}

// SetFailed says why there is no code for f: calls get a
// *delivery.UnavailableError with that reason, unless an older revision takes
// them.
func (m *Manager) SetFailed(f *mesh.Function, reason string) {}

// Acquire implements delivery.Endpoints.
func (m *Manager) Acquire(ctx context.Context, f *mesh.Function) (delivery.Endpoint, error) {
	return delivery.Endpoint{}, ctx.Err()
}

// Prewarm implements delivery.Endpoints.
func (m *Manager) Prewarm(f *mesh.Function) {}

// Debugging says whether f runs under a debugger: no call of it, nor the wait
// for it, should have a timeout.
func (m *Manager) Debugging(f *mesh.Function) bool { return false }

// Ready waits until every function that must run all the time (minReplicas)
// does or has failed, or ctx ends.
func (m *Manager) Ready(ctx context.Context) error { return nil }

// Zero ends all processes of the functions (all of them, if none is given),
// letting calls in flight finish, and returns when they are gone. The next
// call starts one again.
func (m *Manager) Zero(ctx context.Context, fs ...*mesh.Function) error { return nil }

// Stop ends all processes and returns when none is left: SIGTERM once their
// calls are finished, SIGKILL after the grace period or when ctx ends.
func (m *Manager) Stop(ctx context.Context) error { return nil }

// Status returns what the manager knows of f: name, state, reason, replicas,
// bounds, calls in flight and waiting for a place, revision, cold starts.
func (m *Manager) Status(f *mesh.Function) adminapi.Function { return adminapi.Function{Name: f.Name} }

// PIDs returns the processes that run now.
func (m *Manager) PIDs() []int { return nil }
