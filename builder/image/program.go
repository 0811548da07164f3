package image

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Program is an executable for one platform.
type Program struct {
	Platform Platform
	// Binary is its file. Its layer is kept beside it for the next build, in
	// files whose names begin with that of the binary, so its directory must
	// be writable.
	Binary string
}

// kept is what a layer beside a binary was made from, and what it came to.
type kept struct {
	Format, Path string
	Binary       v1.Hash
	Layer        packed
}

// programDir holds the program of an image.
const programDir = "app"

// programLayer returns the layer that holds the program as path, and the hash
// of the program. It is compressed anew only if the program is another than
// last time.
func programLayer(binary, path string) (*blob, v1.Hash, error) {
	layerFile, noteFile := binary+".layer.tar.gz", binary+".layer.json"
	sum, size, err := hashFile(binary)
	if err != nil {
		return nil, sum, err
	}
	want := kept{Format: layerFormat, Path: path, Binary: sum}
	if l, ok := readKept(noteFile, layerFile, want); ok {
		return fileBlob(types.OCILayer, l, layerFile), sum, nil
	}
	f, err := os.CreateTemp(filepath.Dir(binary), ".layer-")
	if err != nil {
		return nil, sum, fmt.Errorf("keep the layer of %s: %w", filepath.Base(binary), err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone if all went well
	want.Layer, err = pack(f, []entry{{
		path: path, mode: 0o555, size: size,
		open: func() (io.ReadCloser, error) { return os.Open(binary) },
	}})
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, sum, fmt.Errorf("write the layer of %s: %w", filepath.Base(binary), err)
	}
	note, err := json.Marshal(want)
	if err != nil {
		return nil, sum, err
	}
	// Without its note a layer is not used, so this order can break anywhere.
	err = os.Remove(noteFile)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	err = errors.Join(err, os.Rename(f.Name(), layerFile), os.WriteFile(noteFile, note, 0o644))
	if err != nil {
		return nil, sum, fmt.Errorf("keep the layer of %s: %w", filepath.Base(binary), err)
	}
	return fileBlob(types.OCILayer, want.Layer, layerFile), sum, nil
}

func readKept(noteFile, layerFile string, want kept) (packed, bool) {
	var have kept
	data, err := os.ReadFile(noteFile)
	if err != nil || json.Unmarshal(data, &have) != nil {
		return packed{}, false
	}
	info, err := os.Stat(layerFile)
	l := have.Layer
	have.Layer = packed{}
	return l, err == nil && have == want && info.Size() == l.Size
}

func hashFile(path string) (v1.Hash, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return v1.Hash{}, 0, err
	}
	defer func() { _ = f.Close() }()
	m := newMeter(io.Discard)
	if _, err := io.Copy(m, f); err != nil {
		return v1.Hash{}, 0, err
	}
	return m.hash(), m.size, nil
}
