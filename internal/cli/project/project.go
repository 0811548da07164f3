// Package project writes the projects of "weft new": templates embedded in the
// binary, and a go.mod that builds without a network where that is possible.
package project

import (
	"bytes"
	"embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/weftmesh/weft/internal/version"
	"github.com/weftmesh/weft/manifests"
)

// goVersion is the one that Weft's own go.mod asks for; a project can ask for
// no less.
const goVersion = "1.26.4"

// schemaFile is what mesh.yaml's line for editors names.
const schemaFile = "functionmesh.schema.json"

// Files end in .tmpl, as a go.mod or a main.go would be taken for one of
// Weft's own. Those of common are in every project.
//
//go:embed all:templates
var templates embed.FS

const common = "common"

// Project is what "weft new" makes.
type Project struct {
	// Dir is made if it is not there.
	Dir string
	// Name of the mesh, and of the module under example.com.
	Name string
	// Template is one of Templates.
	Template string
	// Version of Weft to require, or, for a development build, the absolute
	// directory of its Checkout.
	Version, Checkout string
}

// Templates names the templates there are.
func Templates() []string {
	entries, err := templates.ReadDir("templates")
	if err != nil {
		panic(err) // the directory is embedded
	}
	var names []string
	for _, e := range entries {
		if e.Name() != common {
			names = append(names, e.Name())
		}
	}
	return names
}

// Write writes the project's files, and returns their names in order.
func (p *Project) Write() ([]string, error) {
	var files []string
	for _, from := range []string{common, p.Template} {
		root := "templates/" + from
		err := fs.WalkDir(templates, root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			name := strings.TrimSuffix(strings.TrimPrefix(path, root+"/"), ".tmpl")
			files = append(files, filepath.FromSlash(name))
			content, err := p.render(path)
			if err != nil {
				return err
			}
			return p.write(name, content)
		})
		if err != nil {
			return nil, err
		}
	}
	files = append(files, schemaFile)
	slices.Sort(files)
	return files, p.write(schemaFile, manifests.Schema)
}

func (p *Project) render(path string) ([]byte, error) {
	text, err := templates.ReadFile(path)
	if err != nil {
		return nil, err
	}
	// Go code is full of braces: [[ ]] leaves them alone.
	t, err := template.New(path).Delims("[[", "]]").Option("missingkey=error").Parse(string(text))
	if err != nil {
		return nil, err
	}
	var buf bytes.Buffer
	err = t.Execute(&buf, map[string]string{
		"Name":   p.Name,
		"Module": p.module(),
		"Weft":   version.Module,
		"Go":     goVersion,
		"Schema": schemaFile,
	})
	return buf.Bytes(), err
}

func (p *Project) write(name string, content []byte) error {
	path := filepath.Join(p.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

// module is the path of the project's module: under a domain, so that it can
// be no package of the standard library.
func (p *Project) module() string { return "example.com/" + p.Name }
