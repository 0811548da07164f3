package local

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/weftmesh/weft/builder"
	"github.com/weftmesh/weft/mesh/source"
)

// watchMesh watches the files that the mesh was read from, and where more may
// come to count.
func (b *builds) watchMesh(bundle *source.Bundle) {
	in := builder.Inputs{Function: meshInputs}
	for _, dir := range source.DocumentDirs(b.e.root) {
		if isDir(dir) {
			in.Dirs = append(in.Dirs, dir)
			in.Documents = append(in.Documents, dir)
		}
		// Made or removed, it is a change of the directory that it lies in.
		in.Files = append(in.Files, dir)
	}
	for _, f := range bundle.Files {
		abs, err := filepath.Abs(f)
		if err != nil {
			continue
		}
		in.Files = append(in.Files, abs)
		if dir := filepath.Dir(abs); isDir(dir) {
			in.Dirs = append(in.Dirs, dir)
		}
	}
	if err := b.watcher.Set(in); err != nil {
		b.e.log.Warn("the files of the mesh cannot be watched", "error", err.Error())
	}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// reload reads the mesh again and, if it is sound, lets a new generation take
// the traffic: queues stay, requests and calls under way finish with the old
// one, and no request is refused. A mesh that is not sound changes nothing.
// The caller holds e.reloading.
func (e *engine) reload(ctx context.Context) {
	start := time.Now()
	old := e.current.Load()
	// Before it is read, so that nothing comes between: a directory may be new.
	e.builds.watchMesh(old.bundle)
	bundle, err := e.load()
	e.builds.watchMesh(bundle)
	if err != nil {
		e.say("the mesh stays as it was: %s", err)
		return
	}
	if bundle.Plan.Name != old.plan.Name || bundle.Plan.Namespace != old.plan.Namespace {
		e.say("the mesh stays as it was: its name or namespace has changed, which takes a new weft up")
		return
	}
	g, err := e.newGeneration(ctx, bundle)
	if err != nil {
		e.say("the mesh stays as it was: %s", err)
		return
	}
	e.mask.Set(append(secretValues(old.bundle), secretValues(bundle)...))
	e.builds.build(ctx, g, g.plan.Functions)
	for _, f := range g.plan.Functions {
		if before := old.plan.Function(f.Name); before != nil && len(old.manager.Status(before).Replicas) > 0 {
			g.manager.Prewarm(f)
		}
	}
	if err := g.manager.Ready(ctx); err != nil {
		e.log.Warn("the mesh is reloaded before all its functions are ready", "error", err.Error())
	}
	if ctx.Err() != nil {
		// The engine stops: what the end of an unused generation says is of no
		// use. What it shares with the old one closes with that.
		_ = g.manager.Stop(context.WithoutCancel(ctx))
		_ = g.close()
		return
	}
	e.recorder.SetPlan(g.plan)
	g.run()
	e.current.Store(g)
	e.retiring.Go(old.retire)
	e.say("reloaded the mesh in %s", time.Since(start).Round(time.Millisecond))
}
