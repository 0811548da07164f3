package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// user is the one that images of Knative, KEDA and Dapr run as.
const user = 65532

// A spec says what is in one image.
type spec struct {
	name  string
	files []file
}

type file struct{ source, path string }

// parse reads NAME=FILE[:PATH][,FILE[:PATH]...].
func parse(arg string) (spec, error) {
	n, list, ok := strings.Cut(arg, "=")
	if !ok || n == "" || list == "" {
		return spec{}, fmt.Errorf("%q is not NAME=FILE[:PATH][,FILE[:PATH]...]", arg)
	}
	s := spec{name: n}
	for item := range strings.SplitSeq(list, ",") {
		source, target, ok := strings.Cut(item, ":")
		if !ok {
			target = "/" + n
		}
		if source == "" || !path.IsAbs(target) {
			return spec{}, fmt.Errorf("%s: %q is not FILE or FILE:/PATH", n, item)
		}
		s.files = append(s.files, file{source: source, path: path.Clean(target)})
	}
	return s, nil
}

// archive writes the image into dir, unless it is there, and returns its
// reference.
func (s spec) archive(dir string) (string, error) {
	to := filepath.Join(dir, s.name+".tar")
	remembered := filepath.Join(dir, s.name+".ref")
	if ref, err := os.ReadFile(remembered); err == nil && s.current(to, remembered) {
		return strings.TrimSpace(string(ref)), nil
	}
	img, err := s.image()
	if err != nil {
		return "", fmt.Errorf("%s: %w", s.name, err)
	}
	digest, err := img.ConfigName()
	if err != nil {
		return "", fmt.Errorf("%s: %w", s.name, err)
	}
	tag, err := name.NewTag("weft.local/" + s.name + ":" + digest.Hex[:12])
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if err := tarball.WriteToFile(to+".new", tag, img); err != nil {
		return "", errors.Join(fmt.Errorf("%s: %w", s.name, err), os.Remove(to+".new"))
	}
	if err := os.Rename(to+".new", to); err != nil {
		return "", err
	}
	return tag.String(), os.WriteFile(remembered, []byte(tag.String()+"\n"), 0o644)
}

// current reports whether the archive is newer than all its files, and the
// reference newer than the archive.
func (s spec) current(archive, ref string) bool {
	a, err := os.Stat(archive)
	if err != nil {
		return false
	}
	if r, err := os.Stat(ref); err != nil || r.ModTime().Before(a.ModTime()) {
		return false
	}
	for _, f := range s.files {
		if i, err := os.Stat(f.source); err != nil || !i.ModTime().Before(a.ModTime()) {
			return false
		}
	}
	return true
}

func (s spec) image() (v1.Image, error) {
	// Nothing sends these over a network: compressing them well only takes time.
	layer, err := tarball.LayerFromOpener(s.layer, tarball.WithCompressionLevel(gzip.BestSpeed))
	if err != nil {
		return nil, err
	}
	img, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := img.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", runtime.GOARCH
	config.Config.Entrypoint = []string{s.files[0].path}
	config.Config.User = fmt.Sprintf("%d:%d", user, user)
	config.Config.Env = []string{"PATH=/usr/local/bin:/usr/bin:/bin:/", "HOME=/home/nonroot"}
	config.Config.WorkingDir = "/"
	return mutate.ConfigFile(img, config)
}

// layer is the only layer, not compressed. It says nothing of when it was made.
func (s spec) layer() (io.ReadCloser, error) {
	r, w := io.Pipe()
	go func() {
		t := tar.NewWriter(w)
		w.CloseWithError(errors.Join(s.write(t), t.Close()))
	}()
	return r, nil
}

func (s spec) write(t *tar.Writer) error {
	made := map[string]bool{"/": true}
	var mkdir func(string, fs.FileMode, int) error
	mkdir = func(p string, mode fs.FileMode, owner int) error {
		if made[p] {
			return nil
		}
		made[p] = true
		if err := mkdir(path.Dir(p), 0o755, 0); err != nil {
			return err
		}
		return t.WriteHeader(&tar.Header{
			Typeflag: tar.TypeDir, Name: strings.TrimPrefix(p, "/") + "/",
			Mode: int64(mode), Uid: owner, Gid: owner,
		})
	}
	if err := errors.Join(mkdir("/tmp", 0o1777, 0), mkdir("/home/nonroot", 0o755, user)); err != nil {
		return err
	}
	for _, f := range s.files {
		if err := mkdir(path.Dir(f.path), 0o755, 0); err != nil {
			return err
		}
		if err := f.write(t); err != nil {
			return err
		}
	}
	return nil
}

func (f file) write(t *tar.Writer) error {
	in, err := os.Open(f.source)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: strings.TrimPrefix(f.path, "/"), Size: info.Size(), Mode: 0o755,
	}); err != nil {
		return err
	}
	_, err = io.Copy(t, in)
	return err
}
