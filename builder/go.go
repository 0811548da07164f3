package builder

import (
	"context"
)

// Go builds functions with the go command. The zero value works in the
// current directory. It is safe for concurrent use; builds of the same
// function must not overlap.
type Go struct {
	// Root is the directory of the mesh file; relative source directories
	// start there, and paths in errors are relative to it.
	Root string
	// Progress is told how builds go on, from several goroutines; may be nil.
	Progress func(Event)
}

// Build builds functions, those of one module in one go invocation, and
// returns a result for each in the order of the requests. One that fails does
// not keep the others from being built. A running go command ends with ctx.
func (g *Go) Build(ctx context.Context, reqs ...Request) []Result {
	return make([]Result, len(reqs))
}

// Inputs returns what the function's binary was made from at its last build,
// without running the go command; the source directory alone if there was no
// build yet.
func (g *Go) Inputs(req Request) Inputs { return Inputs{Function: req.Function} }
