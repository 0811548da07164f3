package builder

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weftmesh/weft/builder/scaffold"
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
	results := make([]Result, len(reqs))
	root := resolved(g.Root)
	tool := newToolchain()
	var groups []*group
	for i, req := range reqs {
		started := time.Now()
		results[i] = Result{Function: req.Function, Inputs: Inputs{Function: req.Function}}
		t, err := newTarget(root, req, tool)
		if err != nil {
			g.finish(&results[i], started, err)
			continue
		}
		results[i].Inputs.Dirs = []string{t.dir}
		if s, ok := t.loadStamp(); ok {
			results[i].Inputs = s.inputs(req.Function)
			if s.current() {
				results[i].Binary, results[i].Cached = s.Binary, true
				g.finish(&results[i], started, nil)
				continue
			}
		}
		g.report(Event{Function: req.Function, State: StateBuilding})
		if err := t.host(root); err != nil {
			results[i].Inputs = t.sources()
			g.finish(&results[i], started, err)
			continue
		}
		groups = place(groups, t, &results[i], started)
	}

	limit := make(chan struct{}, runtime.GOMAXPROCS(0))
	var wg sync.WaitGroup
	for _, gr := range groups {
		wg.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			gr.build(ctx, root)
			for i, t := range gr.targets {
				g.finish(gr.results[i], gr.started[i], t.err)
			}
		})
	}
	wg.Wait()
	return results
}

// Inputs returns what the function's binary was made from at its last build,
// without running the go command; the source directory alone if there was no
// build yet.
func (g *Go) Inputs(req Request) Inputs {
	t, err := newTarget(resolved(g.Root), req, newToolchain())
	if err != nil {
		return Inputs{Function: req.Function}
	}
	if s, ok := t.loadStamp(); ok {
		return s.inputs(req.Function)
	}
	return Inputs{Function: req.Function, Dirs: []string{t.dir}}
}

func (g *Go) finish(r *Result, started time.Time, err error) {
	r.Err, r.Duration = err, time.Since(started)
	state := StateBuilt
	switch {
	case err != nil:
		r.Binary, state = "", StateFailed
	case r.Cached:
		state = StateCached
	}
	g.report(Event{Function: r.Function, State: state, Duration: r.Duration, Err: err})
}

func (g *Go) report(e Event) {
	if g.Progress != nil {
		g.Progress(e)
	}
}

// resolved is the path without symbolic links, or as absolute as can be.
func resolved(dir string) string {
	abs, err := filepath.Abs(dir)
	if err != nil {
		abs = dir
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real
	}
	return abs
}

// group is what one go invocation builds: targets of one module with the same
// flags and environment whose binaries have different names.
type group struct {
	module  string
	key     string
	targets []*target
	results []*Result
	started []time.Time
}

// place puts t into the first group that takes it, or into one of its own.
func place(groups []*group, t *target, r *Result, started time.Time) []*group {
	for _, gr := range groups {
		if gr.takes(t) {
			gr.targets = append(gr.targets, t)
			gr.results = append(gr.results, r)
			gr.started = append(gr.started, started)
			return groups
		}
	}
	return append(groups, &group{
		module: t.module, key: t.key,
		targets: []*target{t}, results: []*Result{r}, started: []time.Time{started},
	})
}

func (gr *group) takes(t *target) bool {
	if gr.module != t.module || gr.key != t.key || !t.groupable() {
		return false
	}
	for _, o := range gr.targets {
		if !o.groupable() || o.built() == t.built() || o.scaffold.Modules != t.scaffold.Modules || t.hosted() && o.dir == t.dir {
			return false
		}
	}
	return true
}

// build asks the go command for the binaries and, at the same time, for what
// they are made from. What does not load keeps the go command from building
// anything, so the others are then built without it.
func (gr *group) build(ctx context.Context, root string) {
	began := time.Now()
	output := gr.targets[0].req.Output
	fail := func(err error) {
		for _, t := range gr.targets {
			if t.err == nil {
				t.err = err
			}
		}
	}
	if err := os.MkdirAll(output, 0o755); err != nil {
		fail(fmt.Errorf("make room for what is built: %w", err))
		return
	}
	sweep(output)
	stage, err := os.MkdirTemp(output, stagePrefix)
	if err != nil {
		fail(fmt.Errorf("make room for what is built: %w", err))
		return
	}
	defer func() { _ = os.RemoveAll(stage) }() // what is left is swept later

	if err := gr.targets[0].complete(ctx, root); err != nil {
		for i, t := range gr.targets {
			if gr.results[i].Inputs = t.sources(); i > 0 {
				t.err = t.blamed(err)
			}
		}
		fail(err)
		return
	}
	for _, t := range gr.targets {
		t.completed = true
	}
	overlay, err := gr.overlay(stage)
	if err != nil {
		fail(err)
		return
	}
	packages, report, err := gr.make(ctx, stage, overlay)
	if err == nil && packages.outdated() && gr.targets[0].hosted() {
		if err = gr.widen(ctx, overlay, root); err == nil {
			packages, report, err = gr.make(ctx, stage, overlay)
		}
	}
	if err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		fail(err)
		return
	}
	if packages.failed != "" {
		// Nothing of the module can be loaded: its go.mod is wrong, or asks
		// for another Go.
		for _, t := range gr.targets {
			if t.err == nil {
				t.err = t.compileError(strings.Split(packages.failed, "\n"), root)
			}
		}
		return
	}
	var sound []*target
	for i, t := range gr.targets {
		gr.results[i].Inputs = packages.inputs(t)
		if t.err == nil {
			t.err = packages.check(t, root)
		}
		if t.err == nil {
			sound = append(sound, t)
		}
	}
	if report.failed && len(sound) > 0 && len(sound) < len(gr.targets) {
		if report, err = compile(ctx, stage, overlay, sound); err != nil {
			fail(err)
			return
		}
	}
	for i, t := range gr.targets {
		if t.err == nil {
			gr.results[i].Binary, t.err = t.keep(stage, packages, report, began, root)
		}
	}
}

// make lists and compiles the targets at the same time.
func (gr *group) make(ctx context.Context, stage string, overlay []string) (packages listing, report buildReport, err error) {
	both, bctx := errgroup.WithContext(ctx)
	both.Go(func() (err error) {
		packages, err = list(bctx, overlay, gr.targets)
		return err
	})
	both.Go(func() (err error) {
		report, err = compile(bctx, stage, overlay, gr.targets)
		return err
	})
	return packages, report, both.Wait()
}

// overlay is the flag that lays what hosts the handlers beside them.
func (gr *group) overlay(stage string) ([]string, error) {
	if !gr.targets[0].hosted() {
		return nil, nil
	}
	var builds []*scaffold.Build
	for _, t := range gr.targets {
		builds = append(builds, &t.scaffold)
	}
	flag, err := scaffold.Join(stage, builds...)
	if err != nil {
		return nil, fmt.Errorf("make room for what is built: %w", err)
	}
	return []string{flag}, nil
}

const stagePrefix = ".build-"

// sweep removes what builds that were killed have left.
func sweep(output string) {
	entries, err := os.ReadDir(output)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && strings.HasPrefix(e.Name(), stagePrefix) && time.Since(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(filepath.Join(output, e.Name())) // tried again at the next build
		}
	}
}
