package image

import (
	"bytes"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/klauspost/compress/gzip"
)

// blob is a layer, or another part of an image that is stored like one. Its
// bytes are in memory or in a file.
type blob struct {
	packed
	kind types.MediaType
	open func() (io.ReadCloser, error)
}

var _ v1.Layer = (*blob)(nil)

func bytesBlob(kind types.MediaType, p packed, data []byte) *blob {
	return &blob{packed: p, kind: kind, open: func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(data)), nil
	}}
}

// plainBlob is one that is not compressed.
func plainBlob(kind types.MediaType, data []byte) *blob {
	sum := hashOf(data)
	return bytesBlob(kind, packed{Digest: sum, DiffID: sum, Size: int64(len(data))}, data)
}

func fileBlob(kind types.MediaType, p packed, path string) *blob {
	return &blob{packed: p, kind: kind, open: func() (io.ReadCloser, error) { return os.Open(path) }}
}

func (b *blob) Digest() (v1.Hash, error)             { return b.packed.Digest, nil }
func (b *blob) DiffID() (v1.Hash, error)             { return b.packed.DiffID, nil }
func (b *blob) Size() (int64, error)                 { return b.packed.Size, nil }
func (b *blob) MediaType() (types.MediaType, error)  { return b.kind, nil }
func (b *blob) Compressed() (io.ReadCloser, error)   { return b.open() }
func (b *blob) Uncompressed() (io.ReadCloser, error) { return unzipped(b) }

// unzipped opens what a compressed blob holds.
func unzipped(b *blob) (io.ReadCloser, error) {
	r, err := b.open()
	if err != nil || b.packed.Digest == b.packed.DiffID {
		return r, err
	}
	zip, err := gzip.NewReader(r)
	if err != nil {
		_ = r.Close()
		return nil, fmt.Errorf("layer %s: %w", b.packed.Digest, err)
	}
	return readCloser{zip, r}, nil
}

type readCloser struct {
	io.Reader
	io.Closer
}

func (b *blob) descriptor() v1.Descriptor {
	return v1.Descriptor{MediaType: b.kind, Digest: b.packed.Digest, Size: b.packed.Size}
}

func hashOf(data []byte) v1.Hash {
	m := newMeter(io.Discard)
	_, _ = m.Write(data) // nothing of it can fail
	return m.hash()
}

// manifest is the manifest of one platform, or of what refers to one, with
// all that it names.
type manifest struct {
	raw    []byte
	config []byte
	layers []v1.Layer
	// platform and sbom are nil for what only refers to another manifest.
	platform *v1.Platform
	sbom     *manifest
	// artifact is the kind of such a one.
	artifact string
}

var _ partial.CompressedImageCore = (*manifest)(nil)

func (m *manifest) RawConfigFile() ([]byte, error)      { return m.config, nil }
func (m *manifest) RawManifest() ([]byte, error)        { return m.raw, nil }
func (m *manifest) MediaType() (types.MediaType, error) { return types.OCIManifestSchema1, nil }

func (m *manifest) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, l := range m.layers {
		if d, err := l.Digest(); err == nil && d == h {
			return l, nil
		}
	}
	return nil, fmt.Errorf("image: no layer %s", h)
}

func (m *manifest) descriptor() v1.Descriptor {
	return v1.Descriptor{
		MediaType: types.OCIManifestSchema1, Digest: hashOf(m.raw), Size: int64(len(m.raw)),
		Platform: m.platform, ArtifactType: m.artifact,
	}
}

func (m *manifest) image() (v1.Image, error) { return partial.CompressedToImage(m) }
