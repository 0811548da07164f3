package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weftmesh/weft/builder"
	"github.com/weftmesh/weft/internal/local/replica"
	"github.com/weftmesh/weft/internal/local/replica/watch"
	"github.com/weftmesh/weft/mesh"
)

// builds makes the binaries of functions and, when watching, again whenever
// their sources change.
type builds struct {
	e       *engine
	builder *builder.Go
	watcher *watch.Watcher

	// mu is held while a build runs: builds of a function must not overlap.
	mu sync.Mutex
	// good holds the last binary of each function, for when a reload of the
	// mesh meets code that does not build.
	good map[string]string
	// ctx ends with the engine.
	ctx    context.Context
	cancel context.CancelFunc
}

func newBuilds(e *engine) *builds {
	b := &builds{e: e, good: make(map[string]string)}
	b.builder = &builder.Go{Root: e.root, Progress: b.progress}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

func (b *builds) close() error {
	b.cancel()
	if b.watcher != nil {
		return b.watcher.Close()
	}
	return nil
}

func (b *builds) progress(ev builder.Event) {
	took := ev.Duration.Round(time.Millisecond)
	switch ev.State {
	case builder.StateBuilding:
		b.e.say("building %s …", ev.Function)
	case builder.StateBuilt:
		b.e.say("built %s in %s", ev.Function, took)
	case builder.StateFailed:
		b.e.say("%s did not build (%s)", ev.Function, took)
	case builder.StateCached: // nothing to tell
	}
}

// first builds what the mesh needs before it takes traffic. Without watching,
// a function that cannot be built ends the engine; with it, the function has
// failed until its source changes.
func (b *builds) first(ctx context.Context, g *generation) error {
	if b.e.opts.Watch {
		if err := b.watch(); err != nil {
			return err
		}
		b.watchMesh(g.bundle)
	}
	failed := b.build(ctx, g, g.plan.Functions)
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(failed) > 0 && !b.e.opts.Watch {
		return errors.Join(failed...)
	}
	return nil
}

// build builds functions and hands what comes of it to the manager. It returns
// the errors, by function in their order.
func (b *builds) build(ctx context.Context, g *generation, fs []*mesh.Function) []error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var failed []error
	var reqs []builder.Request
	var of []*mesh.Function
	fail := func(f *mesh.Function, err error) {
		failed = append(failed, err)
		g.manager.SetFailed(f, err.Error())
		if b.e.opts.Watch {
			b.e.say("%s", err)
		}
	}
	for _, f := range fs {
		code, err := b.locate(f)
		switch {
		case err != nil:
			fail(f, err)
		case code.Source == "":
			// A url or a command: there is nothing to build.
		default:
			g.manager.SetBuilding(f)
			of = append(of, f)
			reqs = append(reqs, builder.Request{
				Function: f.Name, Name: f.KubeName, Dir: code.Source, Output: b.e.data.file(dirBin),
				Debug: slices.ContainsFunc(b.e.opts.Debug, func(n string) bool { return n == f.Name || n == f.KubeName }),
				Env:   slices.Concat(os.Environ(), f.BuildEnv()),
			})
		}
	}
	if len(reqs) == 0 {
		return failed
	}
	for i, r := range b.builder.Build(ctx, reqs...) {
		if b.watcher != nil {
			if err := b.watcher.Set(r.Inputs); err != nil {
				b.e.log.Warn("the sources of "+r.Function+" cannot be watched", "error", err.Error())
			}
		}
		if r.Err != nil {
			if ctx.Err() == nil {
				fail(of[i], r.Err)
				b.fallBack(ctx, g, of[i])
			}
			continue
		}
		b.good[r.Function] = r.Binary
		if err := g.manager.SetCode(ctx, of[i], replica.Code{Binary: r.Binary}); err != nil {
			failed = append(failed, err)
			b.e.log.Error(of[i].Name+" stays as it was", "error", err.Error())
			continue
		}
		g.changed(ctx, of[i])
	}
	return failed
}

// locate finds the code of a function. If there is none yet, the place where
// it would be is watched.
func (b *builds) locate(f *mesh.Function) (replica.Code, error) {
	code, err := replica.Locate(b.e.root, f)
	if err == nil || b.watcher == nil {
		return code, err
	}
	in := builder.Inputs{Function: f.Name}
	for dir := replica.SourceDir(b.e.root, f); ; dir = filepath.Dir(dir) {
		if isDir(dir) || dir == filepath.Dir(dir) {
			in.Dirs = []string{dir}
			break
		}
		in.Files = append(in.Files, dir)
	}
	if err := b.watcher.Set(in); err != nil {
		b.e.log.Warn("the place for the code of "+f.Name+" cannot be watched", "error", err.Error())
	}
	return replica.Locate(b.e.root, f) // it may have come meanwhile
}

// fallBack gives a function that does not build the binary that it last had.
func (b *builds) fallBack(ctx context.Context, g *generation, f *mesh.Function) {
	binary := b.good[f.Name]
	if binary == "" || g == b.e.current.Load() {
		return // none, or it runs
	}
	if err := g.manager.SetCode(ctx, f, replica.Code{Binary: binary}); err != nil {
		b.e.log.Error(f.Name+" does not run", "error", err.Error())
	}
}

// meshInputs is the name under which the files of the mesh are watched; no
// function can have it.
const meshInputs = "the mesh"

func (b *builds) watch() (err error) {
	b.watcher, err = watch.New(0, b.changed, b.e.log)
	if err != nil {
		return fmt.Errorf("watching files: %w; start without --watch", err)
	}
	return nil
}

// changed is called with the functions whose sources changed.
func (b *builds) changed(names []string) {
	b.e.reloading.Lock()
	defer b.e.reloading.Unlock()
	if b.ctx.Err() != nil {
		return
	}
	if slices.Contains(names, meshInputs) {
		b.e.reload(b.ctx)
	}
	g := b.e.current.Load()
	var fs []*mesh.Function
	for _, name := range names {
		if f := g.plan.Function(name); f != nil && name != meshInputs {
			fs = append(fs, f)
		}
	}
	if len(fs) == 0 {
		return
	}
	start := time.Now()
	if failed := b.build(b.ctx, g, fs); len(failed) == 0 && b.ctx.Err() == nil {
		var done []string
		for _, f := range fs {
			done = append(done, f.Name)
		}
		b.e.say("reloaded %s in %s", strings.Join(done, ", "), time.Since(start).Round(time.Millisecond))
	}
}
