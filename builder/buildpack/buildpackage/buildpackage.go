// Package buildpackage makes the image that carries Weft's buildpack, in the
// format that pack and kpack read (the Buildpackage section of the Buildpack
// Distribution specification): a layer with the buildpack's directory, and
// labels that say what it is.
package buildpackage

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/weftmesh/weft/builder/image"
)

// What buildpack.toml says, and the labels repeat. TestDescriptor holds them
// together.
const (
	// ID is the buildpack's.
	ID       = "weftmesh/weft"
	api      = "0.8"
	name     = "Weft"
	homepage = "https://github.com/weftmesh/weft"
	// unversioned is the version of a buildpack that is no release.
	unversioned = "0.0.0"
)

// Name of the image.
const Name = "weft-buildpack"

//go:embed buildpack.toml
var descriptor []byte

// Builder is the definition of a builder with the buildpack, as the
// documentation shows it.
//
//go:embed builder.toml
var Builder []byte

// Version is the buildpack's version for one of Weft: three numbers, as the
// specification has it. What a pre-release has behind them is left out.
func Version(weft string) string {
	v, ok := strings.CutPrefix(weft, "v")
	v, _, _ = strings.Cut(v, "+")
	v, _, _ = strings.Cut(v, "-")
	if !ok || strings.Count(v, ".") != 2 || strings.Trim(v, "0123456789.") != "" {
		return unversioned
	}
	return v
}

// Descriptor is buildpack.toml with that version.
func Descriptor(version string) []byte {
	return bytes.Replace(descriptor, []byte(`version = "`+unversioned+`"`), []byte(`version = "`+version+`"`), 1)
}

// Dir is the directory of a buildpack of that version in an image or builder:
// an ID's slash is not one of a path.
func Dir(version string) string {
	return "cnb/buildpacks/" + strings.ReplaceAll(ID, "/", "_") + "/" + version
}

// Build makes the image of the buildpack from its programs, one for each
// platform; see image.Annotations for the annotations.
func Build(ctx context.Context, version string, programs []image.Program, annotations map[string]string, created time.Time) (*image.Image, error) {
	platforms := make([]image.Platform, len(programs))
	for i, p := range programs {
		platforms[i] = p.Platform
	}
	var trees []image.Tree
	for _, p := range programs {
		dir := Dir(version)
		trees = append(trees, image.Tree{
			Platform: p.Platform,
			Files: []image.File{
				{Path: dir + "/buildpack.toml", Mode: 0o444, Data: Descriptor(version)},
				{Path: dir + "/bin/build", Mode: 0o555, From: p.Binary},
				{Path: dir + "/bin/detect", Mode: 0o777, Link: "build"},
			},
			Program: dir + "/bin/build",
			Labels:  func(diffID string) map[string]string { return labels(version, diffID, platforms) },
		})
	}
	img, err := image.BuildTrees(ctx, Name, trees, annotations, created)
	if err != nil {
		return nil, fmt.Errorf("buildpack: %w", err)
	}
	return img, nil
}

// stack and target are those of the labels.
type stack struct {
	ID string `json:"id"`
}

type target struct {
	OS   string `json:"os"`
	Arch string `json:"arch"`
}

// labels say which buildpack an image holds, and where.
func labels(version, diffID string, platforms []image.Platform) map[string]string {
	type layer struct {
		API         string   `json:"api"`
		Stacks      []stack  `json:"stacks"`
		Targets     []target `json:"targets"`
		LayerDiffID string   `json:"layerDiffID"`
		Homepage    string   `json:"homepage"`
		Name        string   `json:"name"`
	}
	l := layer{API: api, Stacks: []stack{{"*"}}, LayerDiffID: diffID, Homepage: homepage, Name: name}
	for _, p := range platforms {
		l.Targets = append(l.Targets, target{p.OS, p.Arch})
	}
	return map[string]string{
		"io.buildpacks.buildpackage.metadata": text(map[string]any{
			"id": ID, "version": version, "name": name, "homepage": homepage, "stacks": l.Stacks,
		}),
		"io.buildpacks.buildpack.layers": text(map[string]map[string]layer{ID: {version: l}}),
	}
}

// text is JSON of what can always be written as such.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and slices of them: a mistake in this package
	}
	return string(b)
}
