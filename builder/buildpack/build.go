package buildpack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/buildpacks/libcnb"

	"github.com/weftmesh/weft/builder"
	"github.com/weftmesh/weft/builder/detect"
	"github.com/weftmesh/weft/builder/sbom"
)

// The layers. Only the program's gets into an image.
const (
	layerProgram  = "program"
	layerBuilds   = "builds"
	layerGoCache  = "go-cache"
	layerGoModule = "go-modules"
)

// port is the one that programs listen at if nothing says otherwise: what
// Knative and `weft build` have.
const port = "8080"

// Builder makes the program of a function.
type Builder struct {
	// Out is told how the build goes on, as lines.
	Out io.Writer
	// Context ends the go command; context.Background() if nil.
	Context context.Context
}

var _ libcnb.Builder = Builder{}

// Build compiles the function into a layer, with a process "web" that starts
// it, and removes its source from the image. Its error is the builder's, with
// the compiler's lines.
func (b Builder) Build(ctx libcnb.BuildContext) (libcnb.BuildResult, error) {
	result := libcnb.NewBuildResult()
	root := ctx.Application.Path
	s, err := readSettings(os.Environ())
	if err != nil {
		return result, err
	}
	p, err := findProject(root, s)
	if err != nil {
		return result, err
	}
	caches, err := goCaches(ctx.Layers)
	if err != nil {
		return result, err
	}
	req := request(p, s, filepath.Join(ctx.Layers.Path, layerBuilds))
	for _, c := range caches {
		req.Env = append(req.Env, c.variable+"="+c.dir)
		result.Layers = append(result.Layers, cacheLayer(c.layer))
	}
	g := &builder.Go{Root: root}
	h, _, err := g.Look(req)
	if err != nil {
		return result, err
	}
	b.say("Building %s: %s (%s)", p.name, h.Why, h.Kind)
	built := g.Build(b.context(), req)[0]
	if built.Err != nil {
		return result, built.Err
	}
	if built.Cached {
		b.say("Nothing has changed since the last build: its program is used again")
	} else {
		b.say("Compiled in %s", built.Duration.Round(time.Millisecond))
	}
	if err := removeSource(root, s.keep); err != nil {
		return result, fmt.Errorf("remove the source from the image: %w", err)
	}
	if len(s.keep) == 0 {
		b.say("The image has no files of the source; %s names those that it should have", envKeep)
	}
	result.Layers = append(result.Layers, cacheLayer(layerBuilds), programLayer{project: p, settings: s, binary: built.Binary})
	result.Processes = []libcnb.Process{{
		Type: "web", Command: filepath.Join(ctx.Layers.Path, layerProgram, "bin", p.kube), Direct: true, Default: true,
	}}
	result.Labels = labels(p, h)
	return result, nil
}

func (b Builder) say(format string, args ...any) { fmt.Fprintf(b.Out, format+"\n", args...) }

func (b Builder) context() context.Context {
	if b.Context == nil {
		return context.Background()
	}
	return b.Context
}

// labels of the image. Where the source comes from is the platform's to say
// (io.buildpacks.project.metadata).
func labels(p project, h detect.Handler) []libcnb.Label {
	return []libcnb.Label{
		{Key: "org.opencontainers.image.title", Value: p.kube},
		{Key: "weft.dev/handler", Value: string(h.Kind)},
	}
}

// cache is a directory that the go command keeps things in.
type cache struct{ variable, layer, dir string }

// goCaches are the layers for what the go command keeps, but where the build's
// environment names a directory for it.
func goCaches(layers libcnb.Layers) ([]cache, error) {
	var caches []cache
	for _, c := range []cache{{variable: "GOCACHE", layer: layerGoCache}, {variable: "GOMODCACHE", layer: layerGoModule}} {
		if os.Getenv(c.variable) != "" {
			continue
		}
		c.dir = filepath.Join(layers.Path, c.layer)
		if err := os.MkdirAll(c.dir, 0o755); err != nil {
			return nil, err
		}
		caches = append(caches, c)
	}
	return caches, nil
}

// cacheLayer is a layer that is there in the next build and in no image.
type cacheLayer string

func (c cacheLayer) Name() string { return string(c) }

func (c cacheLayer) Contribute(layer libcnb.Layer) (libcnb.Layer, error) {
	layer.LayerTypes = libcnb.LayerTypes{Cache: true}
	return layer, os.MkdirAll(layer.Path, 0o755)
}

// programLayer is the layer of the image with the program in it.
type programLayer struct {
	project
	settings
	binary string
}

func (programLayer) Name() string { return layerProgram }

func (p programLayer) Contribute(layer libcnb.Layer) (libcnb.Layer, error) {
	wrong := func(err error) (libcnb.Layer, error) {
		return layer, fmt.Errorf("layer %s: %w", layerProgram, err)
	}
	if err := os.RemoveAll(layer.Path); err != nil {
		return wrong(err)
	}
	bin := filepath.Join(layer.Path, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return wrong(err)
	}
	sum, err := copyProgram(filepath.Join(bin, p.kube), p.binary)
	if err != nil {
		return wrong(err)
	}
	bill, err := sbom.SPDX(sbom.Program{
		Name: p.kube, Binary: p.binary, SHA256: sum, Platform: runtime.GOOS + "/" + runtime.GOARCH,
	}, time.Unix(0, 0).UTC())
	if err != nil {
		return wrong(err)
	}
	if err := os.WriteFile(layer.SBOMPath(libcnb.SPDXJSON), bill, 0o644); err != nil {
		return wrong(err)
	}
	layer.LayerTypes = libcnb.LayerTypes{Launch: true}
	layer.Metadata = map[string]any{"sha256": sum}
	layer.LaunchEnvironment.Default("PORT", port)
	if p.settings.function != "" {
		layer.LaunchEnvironment.Default("FUNCTION_TARGET", p.settings.function)
	}
	return layer, nil
}

// copyProgram returns the hash of what it copies.
func copyProgram(to, from string) (sum string, err error) {
	in, err := os.Open(from)
	if err != nil {
		return "", err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(out, h), in)
	// The umask of the build must not show in the layer.
	if err = errors.Join(err, out.Chmod(0o755), out.Close()); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
