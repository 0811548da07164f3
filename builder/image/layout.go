package image

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// content is a file of an image layout (OCI image specification, "Image
// Layout").
type content struct {
	size int64
	open func() (io.ReadCloser, error)
}

const (
	layoutFile = "oci-layout"
	indexFile  = "index.json"
	// dockerFile is what docker load looks for.
	dockerFile = "manifest.json"
	// containerdName is the annotation by which containerd, and Docker on top
	// of it, name what they load.
	containerdName = "io.containerd.image.name"
)

func inMemory(data []byte) content {
	return content{int64(len(data)), func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

// layoutOf returns the files of a layout by their path. An index of all
// images is index.json, with the lists of modules beside each.
func layoutOf(items []Item) (map[string]content, error) {
	files := map[string]content{layoutFile: inMemory([]byte(`{"imageLayoutVersion":"1.0.0"}`))}
	top := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex}
	add := func(m *manifest) error {
		files[blobPath(hashOf(m.raw))] = inMemory(m.raw)
		files[blobPath(hashOf(m.config))] = inMemory(m.config)
		for _, l := range m.layers {
			h, err := l.Digest()
			if err != nil {
				return err
			}
			size, err := l.Size()
			if err != nil {
				return err
			}
			files[blobPath(h)] = content{size, l.Compressed}
		}
		return nil
	}
	for _, it := range items {
		h, err := index{it.Image}.Digest()
		if err != nil {
			return nil, err
		}
		files[blobPath(h)] = inMemory(it.Image.raw)
		top.Manifests = append(top.Manifests, v1.Descriptor{
			MediaType: types.OCIImageIndex, Digest: h, Size: int64(len(it.Image.raw)),
			Annotations: map[string]string{annotationRefName: it.Ref, containerdName: fullName(it.Ref)},
		})
		for _, m := range it.Image.manifests {
			if err := errors.Join(add(m), add(m.sbom)); err != nil {
				return nil, err
			}
			if it.Image.plain {
				top.Manifests = append(top.Manifests, m.descriptor())
			}
			top.Manifests = append(top.Manifests, m.sbom.descriptor())
		}
	}
	raw, err := json.MarshalIndent(top, "", "  ")
	files[indexFile] = inMemory(raw)
	return files, err
}

func blobPath(h v1.Hash) string { return "blobs/" + h.Algorithm + "/" + h.Hex }

// fullName is a reference with the registry and repository that Docker adds.
func fullName(ref string) string {
	first, _, slash := strings.Cut(ref, "/")
	switch {
	case !slash:
		return "docker.io/library/" + ref
	case first != "localhost" && !strings.ContainsAny(first, ".:"):
		return "docker.io/" + ref
	}
	return ref
}

// dockerManifest is what docker load reads where it knows no layouts: of each
// image the first platform, as there is room for one.
func dockerManifest(items []Item) ([]byte, error) {
	type image struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	var all []image
	for _, it := range items {
		m := it.Image.manifests[0]
		i := image{Config: blobPath(hashOf(m.config)), RepoTags: []string{it.Ref}}
		for _, l := range m.layers {
			h, err := l.Digest()
			if err != nil {
				return nil, err
			}
			i.Layers = append(i.Layers, blobPath(h))
		}
		all = append(all, i)
	}
	return json.Marshal(all)
}

// writeLayout makes the directory place hold these images and nothing else.
func writeLayout(ctx context.Context, place string, items []Item) error {
	target := Target{targetLayout, place}
	place, err := followed(place)
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	if err := replaceable(place); errors.As(err, new(*fs.PathError)) {
		return unwritable(target, err)
	} else if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	files, err := layoutOf(items)
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	stage, err := stageBeside(place)
	if err != nil {
		return unwritable(target, err)
	}
	defer func() { _ = os.RemoveAll(stage) }()
	fresh, old := filepath.Join(stage, "new"), filepath.Join(stage, "old")
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := files[path].writeTo(filepath.Join(fresh, path)); err != nil {
			return unwritable(target, err)
		}
	}
	// Two renames: for a moment there is no directory, but never half of one.
	err = os.Rename(place, old)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unwritable(target, err)
	}
	if err := os.Rename(fresh, place); err != nil {
		return unwritable(target, errors.Join(err, ignoreMissing(os.Rename(old, place))))
	}
	return nil
}

// followed is what a symbolic link leads to, so that a link stays one; any
// other path is itself.
func followed(place string) (string, error) {
	if info, err := os.Lstat(place); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		return place, nil
	}
	real, err := filepath.EvalSymlinks(place)
	if err != nil {
		return "", errors.New("it is a symbolic link that leads nowhere; remove it, or make what it names")
	}
	return real, nil
}

// replaceable says why a directory is not one that may be replaced.
func replaceable(place string) error {
	entries, err := os.ReadDir(place)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		info, serr := os.Stat(place)
		if serr == nil && !info.IsDir() {
			return errors.New("there is a file in its place; name another directory")
		}
		return err
	case len(entries) == 0 || slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == layoutFile }):
		return nil
	}
	return errors.New("the directory holds other files, which would be lost; name another one, or empty it")
}

// writeArchive writes the layout as a tar file that docker load takes too.
func writeArchive(ctx context.Context, place string, items []Item) error {
	target := Target{targetArchive, place}
	place, err := followed(place)
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	if info, err := os.Stat(place); err == nil && !info.Mode().IsRegular() {
		return fmt.Errorf("%s: there is something else in place of the file; name another one", target)
	}
	files, err := layoutOf(items)
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	docker, err := dockerManifest(items)
	if err != nil {
		return fmt.Errorf("%s: %w", target, err)
	}
	files[dockerFile] = inMemory(docker)
	stage, err := stageBeside(place)
	if err != nil {
		return unwritable(target, err)
	}
	defer func() { _ = os.RemoveAll(stage) }()
	fresh := filepath.Join(stage, "new")
	out, err := os.OpenFile(fresh, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return unwritable(target, err)
	}
	if err := errors.Join(archive(ctx, out, files), out.Close()); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return unwritable(target, err)
	}
	if err := os.Rename(fresh, place); err != nil {
		return unwritable(target, err)
	}
	return nil
}

// archive writes files to a tar, in the order of their names and without
// times, so that the same images are the same archive.
func archive(ctx context.Context, w io.Writer, files map[string]content) error {
	out := tar.NewWriter(w)
	for _, path := range slices.Sorted(maps.Keys(files)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		c := files[path]
		if err := out.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: c.size, ModTime: time.Unix(0, 0), Format: tar.FormatPAX}); err != nil {
			return err
		}
		if err := c.copyTo(out); err != nil {
			return err
		}
	}
	return out.Close()
}

func (c content) writeTo(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(c.copyTo(f), f.Close())
}

func (c content) copyTo(w io.Writer) error {
	r, err := c.open()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	_, err = io.Copy(w, r)
	return err
}

// stageBeside makes a directory on the same file system as place.
func stageBeside(place string) (string, error) {
	parent := filepath.Dir(place)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return "", err
	}
	return os.MkdirTemp(parent, ".weft-build-")
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func unwritable(t Target, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) && (errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrExist)) {
		return fmt.Errorf("%s cannot be written (%w); name another place with --to, or make its directory writable", t, p.Err)
	}
	return fmt.Errorf("%s cannot be written: %w; nothing has been changed there", t, err)
}
