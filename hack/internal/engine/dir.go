//go:build unix

package engine

import (
	"fmt"
	"os"
	"path/filepath"
)

// Sample says what a copy of a sample differs in.
type Sample struct {
	// Zero lets functions go to zero, as local/mesh.yaml says; without it the
	// mesh's own minReplicas hold.
	Zero bool
	// Mail is a document for the component email, which has the sample's own
	// mailbox left out.
	Mail string
	// Local are further documents for local/, by file name; they replace the
	// sample's files of that name.
	Local map[string]string
}

// Mesh prepares dir for an engine: mesh file, resources and local documents are
// copied from a sample, functions are links to the sample's, so that they build
// in its module.
func Mesh(sample, dir string, s Sample) error {
	sample, err := filepath.Abs(sample)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(dir, "local"), 0o755); err != nil {
		return err
	}
	if err := copyFile(filepath.Join(sample, "mesh.yaml"), filepath.Join(dir, "mesh.yaml")); err != nil {
		return err
	}
	if err := os.Symlink(filepath.Join(sample, "functions"), filepath.Join(dir, "functions")); err != nil {
		return err
	}
	for _, sub := range []string{"resources", "local"} {
		files, err := filepath.Glob(filepath.Join(sample, sub, "*.yaml"))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return err
		}
		for _, f := range files {
			name := filepath.Base(f)
			if sub == "local" && (name == "mesh.yaml" && !s.Zero || name == "email.yaml" && s.Mail != "") {
				continue
			}
			if err := copyFile(f, filepath.Join(dir, sub, name)); err != nil {
				return err
			}
		}
	}
	if s.Mail != "" {
		if err := write(dir, "email.yaml", s.Mail); err != nil {
			return err
		}
	}
	for name, text := range s.Local {
		if err := write(dir, name, text); err != nil {
			return err
		}
	}
	return nil
}

func write(dir, name, text string) error {
	return os.WriteFile(filepath.Join(dir, "local", name), []byte(text), 0o644)
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
