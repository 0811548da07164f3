package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/builder/buildpack/buildpackage"
	"github.com/weftmesh/weft/builder/image"
	"github.com/weftmesh/weft/internal/version"
	"github.com/weftmesh/weft/mesh"
)

// buildpackCommand is the directory of the buildpack's program in Weft's
// module.
const buildpackCommand = "cmd/weft-buildpack"

// buildBuildpack is `weft build --buildpack`: b says for which platforms and
// where to, as for functions.
func (a *app) buildBuildpack(c *cobra.Command, engine *engineFlags, b *imageBuild, names []string, out *outputFlag) error {
	for _, flag := range []string{"file", "set", "base"} {
		if c.Flags().Changed(flag) {
			return badUsage(c, "--%s is about functions; --buildpack makes the buildpack, which holds none", flag)
		}
	}
	switch {
	case len(names) > 0:
		return badUsage(c, "functions are named, but --buildpack makes the buildpack, which holds none")
	case b.target == image.Target{}:
		return badUsage(c, "--buildpack needs --to: REGISTRY, oci:DIR or tar:FILE")
	}
	var err error
	if b.root, b.data, err = places(engine, "."); err != nil {
		return err
	}
	images, err := a.telling(c.Context(), b, b.buildpack)
	if err != nil {
		return err
	}
	return out.print(a.Out, images, func(w io.Writer) error { return printImages(w, images) })
}

// buildpack makes the image of the buildpack and writes it.
func (b *imageBuild) buildpack(ctx context.Context) ([]builtImage, error) {
	module, err := weftSource(ctx, version.Get())
	if err != nil {
		return nil, err
	}
	p := &part{
		f:      &mesh.Function{Name: buildpackage.Name, KubeName: buildpackage.Name, Spec: &v1beta1.Function{}},
		source: filepath.Join(module, filepath.FromSlash(buildpackCommand)),
	}
	b.root = module // what the compiler says has paths from there
	if err := b.programs(ctx, []*part{p}); err != nil {
		return nil, fmt.Errorf("the buildpack's program: %w", err)
	}
	v := buildpackage.Version(version.Get().Version)
	origin := image.OriginOf(ctx, module, b.data, b.target.Path())
	img, err := buildpackage.Build(ctx, v, p.programs, image.Annotations(buildpackage.Name, v, origin, b.created), b.created)
	if err != nil {
		return nil, err
	}
	ref := b.target.Ref(buildpackage.Name, v)
	opts := image.Options{Insecure: b.insecure, Progress: func(it image.Item) { b.say("pushed %s", it.Ref) }}
	if err := image.Write(ctx, b.target, []image.Item{{Image: img, Ref: ref}}, opts); err != nil {
		return nil, err
	}
	if b.target.Files() {
		b.say("wrote %s", b.target)
	}
	return []builtImage{{buildpackage.Name, ref, img.Digest}}, nil
}

// weftSource is the directory of Weft's module, of the version that this binary
// is: the buildpack's program is built from it, with the dependencies that its
// go.mod and go.sum say, so that it is the same wherever it is packaged.
// A development build has the checkout that it was built from; for a release
// the go command has the module, in its cache or from a proxy.
func weftSource(ctx context.Context, this version.Info) (string, error) {
	if dir := version.Checkout(); dir != "" {
		return dir, nil
	}
	if !this.Released() {
		return "", withHint(errors.New("the source of this weft is not on this machine, and it is no release that could be fetched"),
			"package the buildpack where weft was built (make build), or with a released weft")
	}
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", version.Module+"@"+this.Version)
	cmd.Dir = os.TempDir() // no project's go.mod has a say in it
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if errors.Is(err, exec.ErrNotFound) {
		return "", withHint(errors.New("there is no go command in PATH, which builds the buildpack's program"), "install Go from https://go.dev/dl")
	}
	var answer struct{ Dir, Error string }
	if jerr := json.Unmarshal(out, &answer); jerr != nil || answer.Dir == "" {
		reason := answer.Error
		if reason == "" {
			reason = strings.Join(strings.Fields(stderr.String()), " ")
		}
		if reason == "" {
			reason = fmt.Sprint(err)
		}
		return "", withHint(fmt.Errorf("the source of weft %s cannot be had: %s", this.Version, reason), "look at GOPROXY and the network (go env)")
	}
	return answer.Dir, nil
}
