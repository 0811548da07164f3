package builder

import (
	"fmt"
	"strings"
	"time"
)

// Request asks for the binary of one function.
type Request struct {
	// Function is the name for messages and events, Name that of the
	// directory and binary (kebab-case).
	Function, Name string
	// Dir is the function's source directory, relative ones to Go.Root.
	// Symbolic links are resolved: the go command does not follow them.
	Dir string
	// Output is the directory that holds the function's binaries, such as
	// <data>/bin. The binary becomes <Output>/<Name>/<content id>/<Name>.
	Output string
	// Race builds with the race detector (which needs cgo).
	Race bool
	// Debug builds without optimisation and inlining, for a debugger.
	Debug bool
	// Env of the go command; that of this process if nil. CGO_ENABLED=0 is
	// added unless it is set there.
	Env []string
}

// Result is what became of a Request.
type Result struct {
	Function string
	// Binary is the absolute path of the executable; its directory is named
	// by its content, so the same code has the same path.
	Binary string
	// Cached says that nothing had changed and the go command was not run.
	Cached   bool
	Duration time.Duration
	// Inputs that the binary depends on, also (as far as known) of a build
	// that failed, so that a watcher sees the mending.
	Inputs Inputs
	// Err is why there is no binary: a *CompileError or a *SourceError, or
	// the context's.
	Err error
}

// State of a build, for progress.
type State string

// The states of a build.
const (
	StateBuilding State = "building"
	StateBuilt    State = "built"
	StateCached   State = "cached"
	StateFailed   State = "failed"
)

// Event tells how a build goes on.
type Event struct {
	Function string
	State    State
	// Duration so far; zero for StateBuilding.
	Duration time.Duration
	// Err for StateFailed.
	Err error
}

// CompileError means that the go command refused the code, or that it holds no
// handler that can be hosted.
type CompileError struct {
	Function string
	// Dir of the function, relative to Go.Root.
	Dir string
	// Lines of the compiler, paths relative to Go.Root.
	Lines []string
}

func (e *CompileError) Error() string {
	return fmt.Sprintf("function %s (%s) does not build:\n\t%s", e.Function, e.Dir, strings.Join(e.Lines, "\n\t"))
}

// SourceError means that there is nothing the go command could build: no
// directory, no Go files, no module, not a main package, no go command.
type SourceError struct {
	Function string
	Dir      string
	// Reason is what is wrong and Hint the way out.
	Reason, Hint string
}

func (e *SourceError) Error() string {
	return fmt.Sprintf("function %s (%s): %s; %s", e.Function, e.Dir, e.Reason, e.Hint)
}
