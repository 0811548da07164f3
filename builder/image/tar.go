package image

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// entry is a file of a layer or, if open is nil, a symbolic link or directory.
type entry struct {
	// path without a slash before or after it.
	path string
	mode int64
	// uid is also the group's.
	uid  int
	size int64
	open func() (io.ReadCloser, error)
	// link is what a symbolic link names.
	link string
}

func dir(path string, mode int64, uid int) entry { return entry{path: path, mode: mode, uid: uid} }

func file(path string, data []byte) entry {
	return entry{path: path, mode: 0o444, size: int64(len(data)), open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(string(data))), nil
	}}
}

// layerFormat changes with whatever changes the bytes of a layer that is made
// from the same files, so that cached ones are made anew.
const layerFormat = "1"

// packed says what a layer came to.
type packed struct {
	// Digest and Size of the compressed layer, DiffID of the other.
	Digest, DiffID v1.Hash
	Size           int64
}

// pack writes entries to w as a compressed tar. They are sorted by path, the
// directories above them are added, and times are zero: no file of an image
// may say when it was made, or a build at another time would be another image.
func pack(w io.Writer, entries []entry) (packed, error) {
	out := newMeter(w)
	zip := newZipper(out)
	in := newMeter(zip)
	err := writeTar(in, entries)
	if err = errors.Join(err, zip.Close()); err != nil {
		return packed{}, err
	}
	return packed{Digest: out.hash(), DiffID: in.hash(), Size: out.size}, nil
}

func writeTar(w io.Writer, entries []entry) error {
	archive := tar.NewWriter(w)
	for _, e := range withParents(entries) {
		if err := e.write(archive); err != nil {
			return err
		}
	}
	return archive.Close()
}

func (e entry) write(w *tar.Writer) error {
	h := &tar.Header{
		Name: e.path, Mode: e.mode, Uid: e.uid, Gid: e.uid, Size: e.size,
		ModTime: time.Unix(0, 0), Typeflag: tar.TypeReg, Format: tar.FormatUSTAR,
	}
	switch {
	case e.link != "":
		h.Typeflag, h.Linkname = tar.TypeSymlink, e.link
	case e.open == nil:
		h.Typeflag, h.Name = tar.TypeDir, e.path+"/"
	}
	if err := w.WriteHeader(h); err != nil {
		return fmt.Errorf("layer: %s: %w", e.path, err)
	}
	if e.open == nil {
		return nil
	}
	r, err := e.open()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	if _, err := io.Copy(w, r); err != nil {
		return fmt.Errorf("layer: %s: %w", e.path, err)
	}
	return nil
}

// withParents adds the directories that are not among entries, and sorts.
func withParents(entries []entry) []entry {
	all := slices.Clone(entries)
	known := make(map[string]bool, len(all))
	for _, e := range all {
		known[e.path] = true
	}
	for _, e := range entries {
		for p := path.Dir(e.path); p != "." && !known[p]; p = path.Dir(p) {
			known[p] = true
			all = append(all, dir(p, 0o755, 0))
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	return all
}

// meter hashes and counts what is written through it.
type meter struct {
	w    io.Writer
	sum  hash.Hash
	size int64
}

func newMeter(w io.Writer) *meter { return &meter{w: w, sum: sha256.New()} }

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.w.Write(p)
	m.sum.Write(p[:n])
	m.size += int64(n)
	return n, err
}

func (m *meter) hash() v1.Hash {
	return v1.Hash{Algorithm: "sha256", Hex: hex.EncodeToString(m.sum.Sum(nil))}
}
