//go:build unix

package engine

import (
	"fmt"
	"os"
	"path/filepath"
)

// Mesh prepares dir for an engine: mesh files and resources are copied from a
// sample, functions are links to the sample's, so that they build in its
// module. With zero, a local/ document overrides minReplicas to 0.
func Mesh(sample, dir string, zero bool) error {
	sample, err := filepath.Abs(sample)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(sample, "mesh.yaml"), filepath.Join(dir, "mesh.yaml")); err != nil {
		return err
	}
	if err := os.Symlink(filepath.Join(sample, "functions"), filepath.Join(dir, "functions")); err != nil {
		return err
	}
	subs := []string{"resources"}
	if zero {
		subs = append(subs, "local")
	}
	for _, sub := range subs {
		files, err := filepath.Glob(filepath.Join(sample, sub, "*.yaml"))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
		for _, f := range files {
			if err := copyFile(f, filepath.Join(dir, sub, filepath.Base(f))); err != nil {
				return err
			}
		}
	}
	return nil
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

// Root is the directory of the module that the working directory is in.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "go.mod")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is in no Go module", dir)
		}
	}
}
