package buildpack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weftmesh/weft/api/v1beta1"
)

// Files that say which functions a directory holds.
const (
	meshFile = "mesh.yaml"
	funcFile = "func.yaml"
)

// project is the function of a source tree that a build is about.
type project struct {
	// name of the function as it is written, "function" if nothing names it;
	// kube is the name in kebab-case.
	name, kube string
	// dir is its directory, relative to the source.
	dir string
}

// findProject finds the function: what the settings say, else the one of a
// mesh.yaml, else the directory itself, which a func.yaml may name.
func findProject(root string, s settings) (project, error) {
	p := project{name: s.function, dir: s.dir}
	if p.dir == "" {
		functions, err := meshFunctions(filepath.Join(root, meshFile))
		if err != nil {
			return p, err
		}
		if len(functions) > 0 {
			if p, err = choose(functions, s.function); err != nil {
				return p, err
			}
		}
	}
	if p.dir == "" {
		p.dir = "."
	}
	if p.name == "" {
		var err error
		if p.name, err = funcName(filepath.Join(root, p.dir, funcFile)); err != nil {
			return p, err
		}
	}
	if p.name == "" {
		p.name = "function"
		if p.dir != "." {
			p.name = filepath.Base(p.dir)
		}
	}
	p.kube = v1beta1.KubeName(p.name)
	if p.kube == "" || strings.Trim(p.kube, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || len(p.kube) > 63 {
		return p, fmt.Errorf("function %q: a name has letters, digits and dashes, at most 63; name it in %s", p.name, envFunction)
	}
	return p, nil
}

// meshFunction is what matters here of a function in a mesh file. The file is
// not validated: that is for `weft validate` to do.
type meshFunction struct {
	Name, Source, URL string
	Command           []string
}

// meshFunctions reads the functions of a mesh file, none if there is no file.
func meshFunctions(path string) ([]meshFunction, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	for dec := yaml.NewDecoder(bytes.NewReader(data)); ; {
		var doc struct {
			Kind string
			Spec struct{ Functions []meshFunction }
		}
		switch err := dec.Decode(&doc); {
		case errors.Is(err, io.EOF):
			return nil, nil
		case err != nil:
			return nil, fmt.Errorf("%s: %w", meshFile, err)
		case doc.Kind == v1beta1.Kind:
			return doc.Spec.Functions, nil
		}
	}
}

// choiceError means that the settings do not say which function of a mesh is
// meant.
type choiceError struct{ reason string }

func (e *choiceError) Error() string { return e.reason }

// choose picks the function of a mesh that was asked for, or the only one that
// has code.
func choose(functions []meshFunction, name string) (project, error) {
	var found []project
	var names []string
	for _, f := range functions {
		if len(f.Command) > 0 || f.URL != "" {
			continue
		}
		p := project{name: f.Name, dir: filepath.FromSlash(f.Source)}
		if p.dir == "" {
			p.dir = filepath.Join("functions", v1beta1.KubeName(f.Name))
		}
		names = append(names, f.Name)
		if name == "" || name == f.Name || v1beta1.KubeName(name) == v1beta1.KubeName(f.Name) {
			found = append(found, p)
		}
	}
	has := strings.Join(names, ", ")
	switch {
	case len(names) == 0:
		return project{}, fmt.Errorf("no function of %s has a source that could be built", meshFile)
	case len(found) == 0:
		return project{}, fmt.Errorf("%s has no function %s (%s) with a source; it has: %s", meshFile, name, envFunction, has)
	case len(found) > 1:
		return project{}, &choiceError{fmt.Sprintf("%s has several functions, and an image holds one: name it in %s: %s", meshFile, envFunction, has)}
	case !filepath.IsLocal(found[0].dir):
		return project{}, fmt.Errorf("function %s: its source %s is not below %s; build from a directory that holds both", found[0].name, found[0].dir, meshFile)
	}
	found[0].dir = filepath.Clean(found[0].dir)
	return found[0], nil
}

// funcName is the name in a func.yaml; "" if there is none.
func funcName(path string) (string, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var doc struct{ Name, Runtime string }
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return "", fmt.Errorf("%s: %w", funcFile, err)
	}
	if doc.Runtime != "" && doc.Runtime != "go" {
		return "", fmt.Errorf("%s: its runtime is %s, not go", funcFile, doc.Runtime)
	}
	return doc.Name, nil
}
