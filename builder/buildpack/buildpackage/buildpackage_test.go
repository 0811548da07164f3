package buildpackage

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/weftmesh/weft/builder/image"
)

func TestVersion(t *testing.T) {
	cases := map[string]struct{ reason, weft, want string }{
		"Release":    {"a release's own", "v1.2.3", "1.2.3"},
		"PreRelease": {"the specification knows no pre-releases", "v1.2.3-rc.1", "1.2.3"},
		"Metadata":   {"nor metadata", "v1.2.3+dirty", "1.2.3"},
		"Devel":      {"a build from a checkout", "devel", "0.0.0"},
		"Short":      {"not three numbers", "v1.2", "0.0.0"},
		"Text":       {"not numbers", "va.b.c", "0.0.0"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Version(tc.weft); got != tc.want {
				t.Errorf("%s: got %s, want %s", tc.reason, got, tc.want)
			}
		})
	}
}

// module is what files about buildpacks say of one, or of a part of a builder.
type module struct {
	API       string
	Buildpack struct{ ID, Version, Name, Homepage string }
	Stacks    []struct{ ID string }
	Targets   []struct{ OS, Arch string }
}

// TestDescriptor holds buildpack.toml, the labels and the definition of a
// builder together.
func TestDescriptor(t *testing.T) {
	var m module
	if err := toml.Unmarshal(Descriptor("1.2.3"), &m); err != nil {
		t.Fatal(err)
	}
	want := module{API: api}
	want.Buildpack.ID, want.Buildpack.Version, want.Buildpack.Name, want.Buildpack.Homepage = ID, "1.2.3", name, homepage
	want.Stacks = []struct{ ID string }{{"*"}}
	for _, p := range image.Platforms {
		want.Targets = append(want.Targets, struct{ OS, Arch string }{p.OS, p.Arch})
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("buildpack.toml (-want +got):\n%s", diff)
	}
	var builder struct {
		Buildpacks []struct{ ID, Version string }
		Order      []struct {
			Group []struct {
				ID, Version string
				Optional    bool
			}
		}
	}
	if err := toml.Unmarshal(Builder, &builder); err != nil {
		t.Fatal(err)
	}
	last := builder.Order[0].Group[len(builder.Order[0].Group)-1]
	if b := builder.Buildpacks[len(builder.Buildpacks)-1]; b.ID != ID || last.ID != ID || b.Version != unversioned || last.Version != unversioned || last.Optional {
		t.Errorf("builder.toml has %+v and %+v", b, last)
	}
}

// TestBuild reads a package as pack does: the first image in the index of the
// layout, its labels, and the layer that these name.
func TestBuild(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var programs []image.Program
	for _, p := range image.Platforms {
		programs = append(programs, image.Program{Platform: p, Binary: self})
	}
	build := func() *image.Image {
		img, err := Build(context.Background(), "1.2.3", programs, image.Annotations(Name, "1.2.3", image.Origin{}, time.Time{}), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return img
	}
	first := build()
	if again := build(); again.Digest != first.Digest {
		t.Errorf("the same programs make %s and %s", first.Digest, again.Digest)
	}
	place := filepath.Join(t.TempDir(), "package")
	target, err := image.ParseTarget("oci:" + place)
	if err != nil {
		t.Fatal(err)
	}
	if err := image.Write(context.Background(), target, []image.Item{{Image: first, Ref: Name + ":1.2.3"}}, image.Options{}); err != nil {
		t.Fatal(err)
	}
	index, err := layout.ImageIndexFromPath(place)
	if err != nil {
		t.Fatal(err)
	}
	list, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var img v1.Image
	for _, d := range list.Manifests {
		if d.MediaType == types.OCIManifestSchema1 {
			if img, err = index.Image(d.Digest); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if config.OS != "linux" || config.Architecture != "amd64" || len(config.RootFS.DiffIDs) != 1 {
		t.Errorf("the first image is of %s/%s, with %d layers", config.OS, config.Architecture, len(config.RootFS.DiffIDs))
	}
	got := make(map[string]any)
	for label, text := range config.Config.Labels {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			v = text
		}
		got[label] = v
	}
	stacks := []any{map[string]any{"id": "*"}}
	want := map[string]any{
		"org.opencontainers.image.title":      Name,
		"org.opencontainers.image.version":    "1.2.3",
		"io.buildpacks.buildpackage.metadata": map[string]any{"id": ID, "version": "1.2.3", "name": name, "homepage": homepage, "stacks": stacks},
		"io.buildpacks.buildpack.layers": map[string]any{ID: map[string]any{"1.2.3": map[string]any{
			"api": api, "stacks": stacks, "layerDiffID": config.RootFS.DiffIDs[0].String(), "homepage": homepage, "name": name,
			"targets": []any{map[string]any{"os": "linux", "arch": "amd64"}, map[string]any{"os": "linux", "arch": "arm64"}},
		}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	const dir = "cnb/buildpacks/weftmesh_weft/1.2.3/"
	if diff := cmp.Diff(map[string]string{
		"cnb/": "drwxr-xr-x", "cnb/buildpacks/": "drwxr-xr-x", "cnb/buildpacks/weftmesh_weft/": "drwxr-xr-x", dir: "drwxr-xr-x", dir + "bin/": "drwxr-xr-x",
		dir + "buildpack.toml": "-r--r--r--", dir + "bin/build": "-r-xr-xr-x", dir + "bin/detect": "Lrwxrwxrwx build",
	}, files(t, img)); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

// files are the modes of an image's files, and what links name.
func files(t *testing.T, img v1.Image) map[string]string {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	r, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	all := make(map[string]string)
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all[h.Name] = strings.TrimSpace(h.FileInfo().Mode().String() + " " + h.Linkname)
	}
}
