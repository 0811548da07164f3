package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weftmesh/weft/builder"
	"github.com/weftmesh/weft/builder/image"
	"github.com/weftmesh/weft/internal/local/replica"
	"github.com/weftmesh/weft/mesh"
)

// imageBuild makes images of functions and writes them to their place.
type imageBuild struct {
	plan      *mesh.Plan
	functions []*mesh.Function
	// root is the directory of the mesh and data that of its data.
	root, data string
	target     image.Target
	platforms  []image.Platform
	base       string
	insecure   bool
	created    time.Time
	// say tells how the build goes on, from several goroutines.
	say func(format string, args ...any)
}

// builtImage is a function's image, where it was written to: its digest is
// what to pin.
type builtImage struct {
	Name   string `json:"name"`
	Image  string `json:"image"`
	Digest string `json:"digest"`
}

// part is a function on its way to an image.
type part struct {
	f      *mesh.Function
	source string
	// ref is the image's reference and tag its last part.
	ref, tag string
	programs []image.Program
	image    *image.Image
}

// run builds all functions, then all images, and writes them when all are
// made: what fails before that leaves registries and files as they are.
func (b *imageBuild) run(ctx context.Context) ([]builtImage, error) {
	parts, err := b.parts()
	if err != nil {
		return nil, err
	}
	opts := image.Options{Insecure: b.insecure, Progress: func(it image.Item) { b.say("pushed %s", it.Ref) }}
	var base *image.Base
	var origin image.Origin
	beside, bctx := errgroup.WithContext(ctx)
	beside.Go(func() (err error) {
		base, err = image.NewBase(ctx, b.base, opts) // used beyond bctx
		return err
	})
	beside.Go(func() error {
		origin = image.OriginOf(bctx, b.root, b.data, b.target.Path())
		return nil
	})
	beside.Go(func() error { return b.programs(bctx, parts) })
	if err := beside.Wait(); err != nil {
		return nil, err
	}
	packing, pctx := errgroup.WithContext(ctx)
	packing.SetLimit(runtime.GOMAXPROCS(0))
	for _, p := range parts {
		packing.Go(func() (err error) {
			p.image, err = image.Build(pctx, image.Spec{
				Name: p.f.KubeName, Programs: p.programs, Base: base, Created: b.created,
				Annotations: image.Annotations(p.f.KubeName, p.tag, origin, b.created),
			})
			return err
		})
	}
	if err := packing.Wait(); err != nil {
		return nil, err
	}
	var items []image.Item
	var images []builtImage
	for _, p := range parts {
		items = append(items, image.Item{Image: p.image, Ref: p.ref})
		images = append(images, builtImage{p.f.Name, p.ref, p.image.Digest})
	}
	if err := image.Write(ctx, b.target, items, opts); err != nil {
		return nil, err
	}
	if b.target.Files() {
		b.say("wrote %s", b.target)
	}
	return images, nil
}

// imageName is what a function's image is called under a registry:
// <mesh>-<function>, and of a mesh of one that is called as its function is, as
// those of func.yaml are, the name once.
func imageName(f *mesh.Function) string {
	if f.Service == f.KubeName+"-"+f.KubeName {
		return f.KubeName
	}
	return f.Service
}

// parts finds the code of functions and where their images go. Those that are
// a command or a URL have no code that could be built.
func (b *imageBuild) parts() ([]*part, error) {
	var parts []*part
	var wrong []error
	by := make(map[string]*mesh.Function)
	own := b.target == image.Target{} // each image goes where it says
	for _, f := range b.functions {
		code, err := replica.Locate(b.root, f)
		switch {
		case len(f.Spec.Command) > 0 || f.Spec.URL != "":
			b.say("%s has a command or a url: there is nothing to build", f.Name)
			continue
		case err != nil:
			wrong = append(wrong, err)
			continue
		}
		p := &part{f: f, source: code.Source}
		repository, tag := image.SplitRef(f.Spec.Image)
		p.tag = tag
		switch {
		case f.Spec.Image == "" && own:
			wrong = append(wrong, fmt.Errorf("function %s has no image, so there is nowhere to push; set it to REGISTRY/NAME:TAG, or say --to", f.Name))
			continue
		case f.Spec.Image != "" && (own || b.target.Files()):
			p.ref = repository + ":" + tag
		default:
			p.ref = b.target.Ref(imageName(f), tag)
		}
		if other := by[p.ref]; other != nil {
			wrong = append(wrong, fmt.Errorf("functions %s and %s have the same image, %s; give each its own", other.Name, f.Name, p.ref))
			continue
		}
		by[p.ref] = f
		parts = append(parts, p)
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	if len(parts) == 0 {
		return nil, withHint(errors.New("there is nothing to build"), "functions with a source directory become images")
	}
	return parts, nil
}

// programs compiles the functions for all platforms at once.
func (b *imageBuild) programs(ctx context.Context, parts []*part) error {
	if err := os.MkdirAll(b.data, 0o700); err != nil {
		return withHint(fmt.Errorf("data directory: %w", err), "keep what is built elsewhere with --data")
	}
	progress := newPlatformProgress(len(b.platforms), b.say)
	results := make([][]builder.Result, len(b.platforms))
	var all sync.WaitGroup
	for i, platform := range b.platforms {
		var reqs []builder.Request
		for _, p := range parts {
			reqs = append(reqs, builder.Request{
				Function: p.f.Name, Name: p.f.KubeName, Dir: p.source,
				Output: filepath.Join(b.data, "images", platform.OS+"-"+platform.Arch),
				Env:    b.environment(p.f, platform),
			})
		}
		all.Go(func() {
			results[i] = (&builder.Go{Root: b.root, Progress: progress.report}).Build(ctx, reqs...)
		})
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	var failed []error
	var told []string
	for j, p := range parts {
		for i, platform := range b.platforms {
			r := results[i][j]
			if r.Err == nil {
				p.programs = append(p.programs, image.Program{Platform: platform, Binary: r.Binary})
			} else if text := r.Err.Error(); !slices.Contains(told, text) {
				// Most faults are the same on all platforms.
				told, failed = append(told, text), append(failed, r.Err)
			}
		}
	}
	return errors.Join(failed...)
}

// environment is that of the go command. An image made from scratch has no C
// library.
func (b *imageBuild) environment(f *mesh.Function, p image.Platform) []string {
	env := append(slices.Concat(os.Environ(), f.BuildEnv()), "GOOS="+p.OS, "GOARCH="+p.Arch)
	if b.base == "" || b.base == image.Scratch {
		env = append(env, "CGO_ENABLED=0")
	}
	return env
}

// platformProgress tells of a function's builds for several platforms as of
// one.
type platformProgress struct {
	say       func(string, ...any)
	platforms int

	mu     sync.Mutex
	begun  map[string]bool
	failed map[string]bool
	done   map[string]int
	took   map[string]time.Duration
}

func newPlatformProgress(platforms int, say func(string, ...any)) *platformProgress {
	return &platformProgress{
		say: say, platforms: platforms, begun: make(map[string]bool), failed: make(map[string]bool),
		done: make(map[string]int), took: make(map[string]time.Duration),
	}
}

func (p *platformProgress) report(e builder.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if e.State == builder.StateBuilding {
		if !p.begun[e.Function] {
			p.begun[e.Function] = true
			p.say("building %s …", e.Function)
		}
		return
	}
	p.done[e.Function]++
	p.took[e.Function] = max(p.took[e.Function], e.Duration)
	took := p.took[e.Function].Round(time.Millisecond)
	switch {
	case e.State == builder.StateFailed && errors.Is(e.Err, context.Canceled):
		p.failed[e.Function] = true
	case e.State == builder.StateFailed && !p.failed[e.Function]:
		p.failed[e.Function] = true
		p.say("%s did not build (%s)", e.Function, took)
	case p.done[e.Function] < p.platforms || p.failed[e.Function]:
		// The others are still to come, or it has been told.
	case p.begun[e.Function]:
		p.say("built %s in %s", e.Function, took)
	default:
		p.say("%s has not changed", e.Function)
	}
}
