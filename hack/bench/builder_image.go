//go:build unix

package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
)

// imageSize is what an image adds to the program in it, in MB (2^20 bytes).
type imageSize struct {
	Binary float64 `json:"binary_mb"`
	// Compressed is the program alone, as gzip compresses it at its best.
	Compressed float64 `json:"compressed_mb"`
	// Image is all that a registry has of it: layers, as they are compressed,
	// configuration and manifest.
	Image float64 `json:"image_mb"`
	Adds  float64 `json:"adds_mb"`
}

// sizeOf looks into an image layout with one image of one platform.
func sizeOf(dir string) (imageSize, error) {
	top, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		return imageSize{}, err
	}
	image, err := firstImage(top)
	if err != nil {
		return imageSize{}, fmt.Errorf("%s: %w", dir, err)
	}
	manifest, err := image.Manifest()
	if err != nil {
		return imageSize{}, err
	}
	total, err := image.Size()
	if err != nil {
		return imageSize{}, err
	}
	total += manifest.Config.Size
	for _, l := range manifest.Layers {
		total += l.Size
	}
	layers, err := image.Layers()
	if err != nil {
		return imageSize{}, err
	}
	for _, l := range layers {
		plain, packed, err := programIn(l)
		if err != nil {
			return imageSize{}, err
		}
		if plain > 0 {
			return imageSize{Binary: mb(plain), Compressed: mb(packed), Image: mb(total), Adds: mb(total - packed)}, nil
		}
	}
	return imageSize{}, fmt.Errorf("%s: no layer holds a program below /app", dir)
}

func mb(bytes int64) float64 { return round(float64(bytes)/(1<<20), 2) }

// firstImage goes down indexes.
func firstImage(index v1.ImageIndex) (v1.Image, error) {
	m, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, d := range m.Manifests {
		switch {
		case d.MediaType.IsIndex():
			below, err := index.ImageIndex(d.Digest)
			if err != nil {
				return nil, err
			}
			return firstImage(below)
		case d.MediaType.IsImage() && d.Platform != nil:
			return index.Image(d.Digest)
		}
	}
	return nil, errors.New("there is no image in it")
}

// programIn compresses the program of a layer; 0 if there is none.
func programIn(l v1.Layer) (plain, packed int64, err error) {
	in, err := l.Uncompressed()
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	for files := tar.NewReader(in); ; {
		f, err := files.Next()
		if errors.Is(err, io.EOF) {
			return 0, 0, nil
		}
		if err != nil {
			return 0, 0, err
		}
		if f.Typeflag != tar.TypeReg || !strings.HasPrefix(strings.TrimPrefix(f.Name, "/"), "app/") {
			continue
		}
		var n counted
		z, err := gzip.NewWriterLevel(&n, gzip.BestCompression)
		if err != nil {
			return 0, 0, err
		}
		if _, err := io.Copy(z, files); err != nil {
			return 0, 0, err
		}
		return f.Size, int64(n), z.Close()
	}
}

// counted is a writer that counts.
type counted int64

func (c *counted) Write(p []byte) (int, error) { *c += counted(len(p)); return len(p), nil }
