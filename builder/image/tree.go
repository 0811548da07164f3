package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/weftmesh/weft/builder/sbom"
)

// File is a file of a Tree.
type File struct {
	// Path in the image, without a slash before it.
	Path string
	// Mode is its permissions. Files belong to root.
	Mode int64
	// Data is its content; if From is set, that of the file of that name is
	// instead. A file with a Link is a symbolic link.
	Data       []byte
	From, Link string
}

// Tree is an image of one layer that is not there to be run, but for the files
// in it, such as a buildpack.
type Tree struct {
	Platform Platform
	Files    []File
	// Program is the one among the files whose modules are listed beside the
	// image.
	Program string
	// Labels gives the labels of the image by the layer's hash before it was
	// compressed, "sha256:…".
	Labels func(diffID string) map[string]string
}

// BuildTrees makes an image of trees, one for each platform. In a layout the
// manifests of the platforms stand beside the index: pack looks for one.
func BuildTrees(ctx context.Context, name string, trees []Tree, annotations map[string]string, created time.Time) (*Image, error) {
	wrong := func(err error) (*Image, error) { return nil, fmt.Errorf("image of %s: %w", name, err) }
	if len(trees) == 0 {
		return wrong(errors.New("there are no files to put into it"))
	}
	if created.IsZero() {
		created = time.Unix(0, 0)
	}
	created = created.UTC().Truncate(time.Second)
	img := &Image{Name: name, plain: true}
	for _, t := range trees {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m, err := t.manifest(name, annotations, created)
		if err != nil {
			return wrong(err)
		}
		img.manifests = append(img.manifests, m)
	}
	if err := img.seal(annotations); err != nil {
		return wrong(err)
	}
	return img, nil
}

func (t *Tree) manifest(name string, annotations map[string]string, created time.Time) (*manifest, error) {
	program := sbom.Program{Name: name, Platform: t.Platform.String()}
	var entries []entry
	for _, f := range t.Files {
		e := entry{path: f.Path, mode: f.Mode, link: f.Link, size: int64(len(f.Data))}
		switch {
		case f.Link != "":
			e.size = 0
		case f.From != "":
			sum, size, err := hashFile(f.From)
			if err != nil {
				return nil, err
			}
			e.size, e.open = size, func() (io.ReadCloser, error) { return os.Open(f.From) }
			if f.Path == t.Program {
				program.Binary, program.SHA256 = f.From, sum.Hex
			}
		default:
			e.open = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(f.Data)), nil }
		}
		entries = append(entries, e)
	}
	var out bytes.Buffer
	p, err := pack(&out, entries)
	if err != nil {
		return nil, err
	}
	config := v1.ConfigFile{
		OS: t.Platform.OS, Architecture: t.Platform.Arch, Variant: t.Platform.oci().Variant,
		RootFS:  v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{p.DiffID}},
		Created: v1.Time{Time: created}, History: []v1.History{history(created, name)},
	}
	config.Config.Labels = maps.Clone(annotations)
	if config.Config.Labels == nil {
		config.Config.Labels = make(map[string]string)
	}
	if t.Labels != nil {
		maps.Copy(config.Config.Labels, t.Labels(p.DiffID.String()))
	}
	return newManifest(config, []v1.Layer{bytesBlob(types.OCILayer, p, out.Bytes())}, annotations, program)
}
