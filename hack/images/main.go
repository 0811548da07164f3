// Command images makes the images of Weft's own programs, weft-controller and
// weft-dataplane, as weft build makes those of functions, and pushes them.
//
//	images -to REGISTRY [-tag TAG] [-insecure] [-platform OS/ARCH,...]
//
// It prints a line for each: NAME REFERENCE@DIGEST. It is run from anywhere in
// the repository.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/weftmesh/weft/builder/image"
)

var programs = []string{"weft-controller", "weft-dataplane"}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	to := flag.String("to", "", "`REGISTRY` to push to: a host, or a host and the beginning of a path")
	tag := flag.String("tag", "latest", "`TAG` of the images")
	platform := flag.String("platform", "linux/amd64,linux/arm64", "`OS/ARCH` to build for, separated by commas")
	insecure := flag.Bool("insecure", false, "let the registry be spoken to in plain HTTP")
	flag.Parse()
	if *to == "" {
		return errors.New("-to is missing: the registry to push to")
	}
	target, err := image.ParseTarget(*to)
	if err != nil {
		return fmt.Errorf("-to: %w", err)
	}
	platforms, err := image.ParsePlatforms(*platform)
	if err != nil {
		return fmt.Errorf("-platform: %w", err)
	}
	created, err := image.Epoch()
	if err != nil {
		return err
	}
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return fmt.Errorf("go list -m: %w", err)
	}
	b := build{
		root: strings.TrimSpace(string(root)), tag: *tag, target: target, platforms: platforms,
		annotations: func(name string, o image.Origin) map[string]string {
			return image.Annotations(name, *tag, o, created)
		},
	}
	var items []image.Item
	origin := image.OriginOf(ctx, b.root)
	for _, name := range programs {
		it, err := b.item(ctx, name, origin)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		items = append(items, it)
	}
	if err := image.Write(ctx, target, items, image.Options{Insecure: *insecure}); err != nil {
		return err
	}
	for _, it := range items {
		repository, _ := image.SplitRef(it.Ref)
		fmt.Printf("%s %s@%s\n", it.Image.Name, repository, it.Image.Digest)
	}
	return nil
}

type build struct {
	root, tag   string
	target      image.Target
	platforms   []image.Platform
	annotations func(name string, o image.Origin) map[string]string
}

// item compiles a program for all platforms and packs it.
func (b *build) item(ctx context.Context, name string, origin image.Origin) (image.Item, error) {
	spec := image.Spec{Name: name, Annotations: b.annotations(name, origin)}
	for _, p := range b.platforms {
		binary := filepath.Join(b.root, "bin", "images", p.OS+"-"+p.Arch, name)
		if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
			return image.Item{}, err
		}
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./cmd/"+name)
		cmd.Dir, cmd.Stdout, cmd.Stderr = b.root, os.Stderr, os.Stderr
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+p.OS, "GOARCH="+p.Arch)
		if err := cmd.Run(); err != nil {
			return image.Item{}, fmt.Errorf("go build for %s: %w", p, err)
		}
		spec.Programs = append(spec.Programs, image.Program{Platform: p, Binary: binary})
	}
	img, err := image.Build(ctx, spec)
	if err != nil {
		return image.Item{}, err
	}
	return image.Item{Image: img, Ref: b.target.Ref(name, b.tag)}, nil
}
