package replica

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/weftmesh/weft/mesh"
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

func (c Code) same(o Code) bool {
	return c.Binary == o.Binary && c.URL == o.URL && c.Source == o.Source && slices.Equal(c.Command, o.Command)
}

// Locate returns the first that exists of the function's url, command, source
// and ./functions/<kebab-name>, paths relative to root (the directory of the
// mesh file). The error names all four.
func Locate(root string, f *mesh.Function) (Code, error) {
	switch {
	case f.Spec.URL != "":
		return Code{URL: f.Spec.URL}, nil
	case len(f.Spec.Command) > 0:
		if _, err := lookProgram(f.Spec.Command[0], root); err != nil {
			return Code{}, fmt.Errorf("function %s: its command %s is not on PATH; install it, or write its path from the directory of the mesh", f.Name, f.Spec.Command[0])
		}
		return Code{Command: f.Spec.Command}, nil
	}
	if dir := SourceDir(root, f); isDir(dir) {
		return Code{Source: dir}, nil
	}
	source := sourceOf(f)
	if f.Spec.Source != "" {
		return Code{}, fmt.Errorf("function %s has no code: it has no url and no command, and its source %s is not a directory (left out, source is ./functions/%s)", f.Name, source, f.KubeName)
	}
	return Code{}, fmt.Errorf("function %s has no code: set its url, command or source, or write it in %s", f.Name, source)
}

// SourceDir is the directory of a function's code if it has neither url nor
// command, whether it is there or not.
func SourceDir(root string, f *mesh.Function) string {
	source := sourceOf(f)
	if filepath.IsAbs(source) {
		return source
	}
	return filepath.Join(root, source)
}

func sourceOf(f *mesh.Function) string {
	if f.Spec.Source != "" {
		return f.Spec.Source
	}
	return "./functions/" + f.KubeName
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

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
	// Its error makes the function unavailable, and is tried again.
	Env func(*mesh.Function) ([]string, error)
	// Sink returns K_SINK; its last path segment is the token of deliveries.
	// "" or nil: none.
	Sink func(*mesh.Function) string
	// MaxReplicas bounds the replicas of a function on this machine below
	// what its mesh allows. If zero, as many as there are processors, or as
	// give 16 places for each processor, whichever is more.
	MaxReplicas int
	// Debug names the functions that run under a debugger.
	Debug []string
	// Output is called with each line that a process writes to stdout or
	// stderr, without the line feed, at most 64 KiB (longer ones come in
	// parts). line is valid only during the call. A slow Output slows the
	// process once its pipe is full. May be nil.
	Output func(f *mesh.Function, pid int, line []byte)
	// Mask hides in a line of a process what must not be shown, before the
	// line goes to Output or into the reason why the process ended. It may
	// return its argument, or a slice of its own. May be nil.
	Mask func(line []byte) []byte
	// Observer is told what happens to processes; it must not block or call
	// the manager. May be nil.
	Observer func(Event)
	// Transport is used for calls; one made for loopback if nil.
	Transport http.RoundTripper
	// Logger; slog.Default() if nil.
	Logger *slog.Logger
}

func (o Options) validated() (Options, error) {
	if o.Plan == nil || o.Dir == "" || o.Data == "" {
		return o, errors.New("replica: Plan, Dir and Data are required")
	}
	for _, name := range o.Debug {
		if !slices.ContainsFunc(o.Plan.Functions, func(f *mesh.Function) bool { return f.Name == name || f.KubeName == name }) {
			return o, fmt.Errorf("cannot debug %s: the mesh has no such function", name)
		}
	}
	o.Idle = cmp.Or(o.Idle, 30*time.Second)
	o.StartTimeout = cmp.Or(o.StartTimeout, 30*time.Second)
	o.Grace = cmp.Or(o.Grace, 10*time.Second)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Observer == nil {
		o.Observer = func(Event) {}
	}
	return o, nil
}

func (o Options) debugs(f *mesh.Function) bool {
	return slices.Contains(o.Debug, f.Name) || slices.Contains(o.Debug, f.KubeName)
}

// Kind of an Event.
type Kind string

// The kinds of events.
const (
	// KindStarting: a process is being started. KindReady: it takes calls;
	// Spawn, Listen and Ready say how long that took. KindDraining: it takes
	// no new calls. KindExited: it is gone; Err is how, if that was not
	// wished for.
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
