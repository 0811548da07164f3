package buildpack

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"syscall"
)

// removeSource removes from a directory all that no pattern names: what the
// lifecycle finds there becomes part of the image. A pattern that names a
// directory keeps all of it, and "." is the whole.
func removeSource(root string, keep []string) error {
	if slices.Contains(keep, ".") {
		return nil
	}
	var dirs []string
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil || file == root {
			return err
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		switch {
		case slices.ContainsFunc(keep, func(pattern string) bool { return matches(pattern, filepath.ToSlash(rel)) }):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir():
			dirs = append(dirs, file)
			return nil
		}
		return os.Remove(file)
	})
	if err != nil {
		return err
	}
	for _, d := range slices.Backward(dirs) {
		// Those that still hold something stay.
		if err := os.Remove(d); err != nil && !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTEMPTY) {
			return err
		}
	}
	return nil
}

// matches says whether a pattern names a path. What does not parse has been
// refused.
func matches(pattern, rel string) bool {
	ok, err := path.Match(pattern, rel)
	return err == nil && ok
}
