package image

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Base is an image that programs are added to, in place of the files that an
// image made from scratch has: certificates, time zones and the user's home
// are then the base's matter.
type Base struct {
	name   string
	client *client
	ref    name.Reference
	found  *remote.Descriptor
}

// basePlatform is the base for one platform.
type basePlatform struct {
	layers []v1.Layer
	config *v1.ConfigFile
	// digest of the manifest.
	digest string
}

// Scratch is the name of no base.
const Scratch = "scratch"

// NewBase looks an image up in its registry; its layers are fetched when they
// are written, for as long as ctx lives. For "" and "scratch" it returns nil.
func NewBase(ctx context.Context, ref string, o Options) (*Base, error) {
	if ref == "" || ref == Scratch {
		return nil, nil
	}
	b := &Base{client: newClient(ctx, o)}
	b.client.pulls = true
	var err error
	if b.ref, err = name.ParseReference(ref, b.client.parse...); err != nil {
		if strings.Contains(ref, "@") && !strings.Contains(ref, "@sha256:") {
			return nil, fmt.Errorf("the base is no reference of an image: write HOST/PATH:TAG or HOST/PATH@sha256:…")
		}
		return nil, fmt.Errorf("base %q is no reference of an image: write HOST/PATH:TAG or HOST/PATH@sha256:…", ref)
	}
	b.name = b.ref.Name()
	if b.found, err = remote.Get(b.ref, b.client.opts...); err != nil {
		return nil, fmt.Errorf("base: %w", b.client.explain(ctx, b.ref.Context(), err))
	}
	return b, nil
}

// platform returns the base for p.
func (b *Base) platform(ctx context.Context, p Platform) (*basePlatform, error) {
	wrong := func(err error) (*basePlatform, error) {
		return nil, fmt.Errorf("base: %w", b.client.explain(ctx, b.ref.Context(), err))
	}
	img, err := b.image(p)
	if err != nil {
		return wrong(err)
	}
	if img == nil {
		return nil, fmt.Errorf("base %s has no image for %s; choose another base, or other platforms with --platform", b.name, p)
	}
	config, err := img.ConfigFile()
	if err != nil {
		return wrong(err)
	}
	if config.OS != p.OS || config.Architecture != p.Arch {
		return nil, fmt.Errorf("base %s is for %s/%s, not for %s; choose another base, or other platforms with --platform", b.name, config.OS, config.Architecture, p)
	}
	layers, err := img.Layers()
	if err != nil {
		return wrong(err)
	}
	digest, err := img.Digest()
	if err != nil {
		return wrong(err)
	}
	for i, l := range layers {
		layers[i] = ociLayer{l}
	}
	return &basePlatform{layers: slices.Clone(layers), config: config.DeepCopy(), digest: digest.String()}, nil
}

// image is nil if an index has none for the platform.
func (b *Base) image(p Platform) (v1.Image, error) {
	if !b.found.MediaType.IsIndex() {
		return b.found.Image()
	}
	idx, err := b.found.ImageIndex()
	if err != nil {
		return nil, err
	}
	list, err := idx.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, d := range list.Manifests {
		if d.Platform != nil && d.Platform.OS == p.OS && d.Platform.Architecture == p.Arch {
			return idx.Image(d.Digest)
		}
	}
	return nil, nil
}

// ociLayer is a layer under the media type that OCI has for it: the bytes of
// Docker's kind are the same.
type ociLayer struct{ v1.Layer }

func (l ociLayer) MediaType() (types.MediaType, error) {
	t, err := l.Layer.MediaType()
	switch t {
	case types.DockerLayer:
		t = types.OCILayer
	case types.DockerUncompressedLayer:
		t = types.OCIUncompressedLayer
	}
	return t, err
}
