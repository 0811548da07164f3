package image

import (
	"bytes"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// index is an Image as the packages of go-containerregistry want it.
type index struct{ of *Image }

var _ v1.ImageIndex = index{}

func (i index) MediaType() (types.MediaType, error) { return types.OCIImageIndex, nil }
func (i index) Digest() (v1.Hash, error)            { return v1.NewHash(i.of.Digest) }
func (i index) Size() (int64, error)                { return int64(len(i.of.raw)), nil }
func (i index) RawManifest() ([]byte, error)        { return i.of.raw, nil }

func (i index) IndexManifest() (*v1.IndexManifest, error) {
	return v1.ParseIndexManifest(bytes.NewReader(i.of.raw))
}

func (i index) Image(h v1.Hash) (v1.Image, error) {
	for _, m := range i.of.manifests {
		if hashOf(m.raw) == h {
			return m.image()
		}
	}
	return nil, fmt.Errorf("image of %s: no manifest %s", i.of.Name, h)
}

func (i index) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	return nil, fmt.Errorf("image of %s: no index %s in it", i.of.Name, h)
}
