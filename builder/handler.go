package builder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/weftmesh/weft/builder/detect"
	"github.com/weftmesh/weft/builder/scaffold"
)

// scaffoldDir holds, in a request's Output, what is written to host handlers.
const scaffoldDir = ".scaffold"

// host writes the main of a handler package. A program has its own.
func (t *target) host(root string) error {
	h, err := detect.Detect(t.dir, t.reading())
	if e, ok := errors.AsType[*detect.Error](err); ok {
		if e.Unread {
			return nil // the go command has a better word for it
		}
		return &CompileError{Function: t.req.Function, Dir: t.shown, Lines: e.Lines()}
	}
	if err != nil {
		return fmt.Errorf("function %s: %w", t.req.Function, err)
	}
	if h.Kind == detect.Program {
		return nil
	}
	dir := filepath.Join(resolved(t.req.Output), scaffoldDir, t.req.Name)
	build, err := scaffold.Write(scaffold.Request{
		Dir: dir, Source: t.dir, Module: t.module, Function: t.req.Function, Name: t.req.Name, Handler: h, Env: t.env, Gcflags: t.gcflags(), Key: t.key,
	})
	if _, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("function %s: %w", t.req.Function, err)
	}
	if err != nil {
		return t.compileError(strings.Split(err.Error(), "\n"), root)
	}
	t.scaffold, t.handler = *build, h.Pos.String()
	return nil
}

// complete completes the go.mod of a handler's build, where it is new.
func (t *target) complete(ctx context.Context, root string) error {
	if t.scaffold.Package == "" {
		return nil
	}
	return t.scaffold.Complete(func(args []string) error { return t.completing(ctx, args, nil, root) })
}

// completing runs the go command that completes a go.mod, for the main packages
// of targets.
func (t *target) completing(ctx context.Context, args []string, targets []*target, root string) error {
	_, stderr, err := t.run(ctx, args, targets)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && ctx.Err() == nil && len(exit.Stderr)+len(stderr) > 0 {
		return t.compileError(strings.Split(strings.TrimSpace(string(stderr)), "\n"), root)
	}
	if err != nil {
		return errors.Join(ctx.Err(), err)
	}
	return nil
}

// hostID changes with what hosts handlers, and with the name that chooses one.
func (t *target) hostID() string { return scaffold.ID() + " " + t.req.Function + " " + t.chosen() }

// chosen is the name that chooses one of several handlers: the function's, or
// what OpenFunction's builders take it from.
func (t *target) chosen() string {
	name, _ := lookup(t.env, "FUNC_NAME")
	return cmp.Or(name, t.req.Function)
}

// reading is how the go command will read the package.
func (t *target) reading() detect.Options {
	o := detect.Options{Target: t.chosen(), Dir: t.shown}
	o.GOOS, _ = lookup(t.env, "GOOS")
	o.GOARCH, _ = lookup(t.env, "GOARCH")
	cgo, _ := lookup(t.env, "CGO_ENABLED")
	o.Cgo = cgo == "1"
	flags, _ := lookup(t.env, "GOFLAGS")
	for flag := range strings.FieldsSeq(flags) {
		if tags, ok := strings.CutPrefix("-"+strings.TrimLeft(flag, "-"), "-tags="); ok {
			o.Tags = strings.Split(tags, ",")
		}
	}
	if t.req.Race {
		o.Tags = append(o.Tags, "race")
	}
	return o
}

// main is the directory of the main package: of a handler, that of what hosts
// it, which only the build sees.
func (t *target) main() string {
	if t.scaffold.Package != "" {
		return t.scaffold.Package
	}
	return t.dir
}

// laid says whether a directory is one that only the build sees.
func (t *target) laid(dir string) bool {
	return slices.ContainsFunc(t.scaffold.Laid, func(d string) bool {
		return dir == d || strings.HasPrefix(dir, d+string(os.PathSeparator))
	})
}

// sources are the inputs of a package that holds no handler yet.
func (t *target) sources() Inputs {
	in := Inputs{Function: t.req.Function, Packages: []string{t.dir}, Files: []string{filepath.Join(t.module, "go.mod")}}
	in.settle()
	return in
}
