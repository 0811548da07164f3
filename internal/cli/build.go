package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/builder/image"
	"github.com/weftmesh/weft/internal/telemetry"
	"github.com/weftmesh/weft/mesh"
)

func (a *app) buildCmd() *cobra.Command {
	var (
		engine    engineFlags
		out       outputFlag
		to        string
		platforms []string
		b         imageBuild
		buildpack bool
	)
	c := &cobra.Command{
		Use:   "build [FUNCTION...]",
		Short: "Make container images of the functions.",
		Long: `Make container images of the functions of a mesh, without a container engine,
and write them to a registry, a directory or a file. The same code gives the
same digest on any machine; what a registry has already is not sent again.

Without --to each image is pushed to where the function's image says. REGISTRY
is a host, or a host and the beginning of a path, under which each function has
a repository <mesh>-<function>, or <function> where both have the same name.
Credentials are those of docker login.

With --buildpack, the image that is made is that of Weft's buildpack for pack
and kpack, and no function is built.

SOURCE_DATE_EPOCH, if set, is the time in the images.`,
		Example: `weft build
weft build --to localhost:5000
weft build --to oci:out --platform linux/arm64
weft build --to tar:shop.tar && docker load -i shop.tar
weft build validateInventory -o json
weft build --buildpack --to tar:weft-buildpack.cnb`,
		RunE: func(c *cobra.Command, names []string) error {
			err := out.check(c)
			if err != nil {
				return err
			}
			if b.target, err = image.ParseTarget(to); err != nil {
				return badUsage(c, "--to: %w", err)
			}
			if b.platforms, err = image.ParsePlatforms(platforms...); err != nil {
				return badUsage(c, "--platform: %w", err)
			}
			if b.created, err = image.Epoch(); err != nil {
				return badUsage(c, "%w", err)
			}
			if buildpack {
				return a.buildBuildpack(c, &engine, &b, names, &out)
			}
			if err := engine.mesh.exists(); err != nil {
				return err
			}
			bundle, err := a.load(engine.mesh)
			if err != nil {
				return err
			}
			if b.root, b.data, err = places(&engine, bundle.Dir); err != nil {
				return err
			}
			b.plan = bundle.Plan
			if b.functions, err = choose(b.plan, names); err != nil {
				return err
			}
			images, err := a.telling(c.Context(), &b, b.run)
			if err != nil {
				return err
			}
			return out.print(a.Out, images, func(w io.Writer) error { return printImages(w, images) })
		},
	}
	engine.mesh.add(c)
	engine.addData(c)
	f := c.Flags()
	f.StringVar(&to, "to", "", "`TARGET`: REGISTRY, oci:DIR or tar:FILE")
	f.StringArrayVar(&platforms, "platform", platformNames(), "`OS/ARCH` to build for (repeatable)")
	f.StringVar(&b.base, "base", image.Scratch, "`IMAGE` that the programs are added to")
	f.BoolVar(&b.insecure, "insecure", false, "let registries be spoken to in plain HTTP")
	f.BoolVar(&buildpack, "buildpack", false, "make the image of Weft's buildpack")
	alsoEnv(c, "to", "platform", "base", "insecure")
	complete(c, "platform", platformNames()...)
	out.add(c)
	return c
}

func platformNames() []string {
	var names []string
	for _, p := range image.Platforms {
		names = append(names, p.String())
	}
	return names
}

// places are the absolute directories of the mesh and of its data.
func places(engine *engineFlags, meshDir string) (root, data string, err error) {
	if root, err = filepath.Abs(meshDir); err != nil {
		return "", "", err
	}
	if data, err = filepath.Abs(engine.dir()); err != nil {
		return "", "", err
	}
	return root, data, nil
}

// choose returns the functions of these names, all if there are none.
func choose(plan *mesh.Plan, names []string) ([]*mesh.Function, error) {
	if len(names) == 0 {
		return plan.Functions, nil
	}
	var fs []*mesh.Function
	var known []string
	for _, f := range plan.Functions {
		known = append(known, f.Name)
	}
	seen := make(map[*mesh.Function]bool)
	for _, n := range names {
		f := plan.Function(n)
		if f == nil {
			err := fmt.Errorf("mesh %s has no function %q", plan.Name, n)
			if near := mesh.Nearest(n, known); near != "" {
				return nil, withHint(err, "did you mean: %s", near)
			}
			return nil, withHint(err, "it has: %s", strings.Join(known, ", "))
		}
		if !seen[f] {
			seen[f] = true
			fs = append(fs, f)
		}
	}
	return fs, nil
}

func printImages(w io.Writer, images []builtImage) error {
	t := newColumns(w, "NAME", "IMAGE", "DIGEST")
	for _, i := range images {
		t.row(i.Name, i.Image, i.Digest)
	}
	return t.flush()
}

// telling runs a build, telling on stderr how it goes on.
func (a *app) telling(ctx context.Context, b *imageBuild, run func(context.Context) ([]builtImage, error)) ([]builtImage, error) {
	console := telemetry.NewConsole(a.Err, colour(a.Err))
	defer console.Close()
	b.say = func(format string, args ...any) {
		console.Put(telemetry.Line{Time: time.Now(), Text: fmt.Appendf(nil, format, args...)})
	}
	images, err := run(ctx)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return images, err
}
