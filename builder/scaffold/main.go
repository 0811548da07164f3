package scaffold

import (
	"bytes"
	"embed"
	"fmt"
	"go/format"
	"path"
	"path/filepath"
	"text/template"

	"golang.org/x/mod/modfile"

	"os"

	"github.com/weftmesh/weft/builder/detect"
)

// hosts are templates of a main, by kind of handler.
//
//go:embed hosts
var hosts embed.FS

// mainFile renders the files of the main package.
func mainFile(req Request) (map[string][]byte, error) {
	from, err := importPath(req)
	if err != nil {
		return nil, err
	}
	name := map[detect.Kind]string{detect.Func: "func"}[req.Handler.Kind]
	if name == "" {
		return nil, fmt.Errorf("a handler of kind %s needs no main", req.Handler.Kind)
	}
	t, err := template.New(name+".go.tmpl").Delims("[[", "]]").Option("missingkey=error").ParseFS(hosts, "hosts/"+name+".go.tmpl")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, map[string]any{"Import": from, "Function": req.Function, "Handler": req.Handler}); err != nil {
		return nil, err
	}
	source, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("the main of %s: %w", req.Function, err)
	}
	return map[string][]byte{"main.go": source}, nil
}

// importPath is that of the handler's package.
func importPath(req Request) (string, error) {
	file := filepath.Join(req.Module, "go.mod")
	data, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	module := modfile.ModulePath(data)
	if module == "" {
		return "", fmt.Errorf("%s: it names no module: add a line such as: module example.com/project", file)
	}
	rel, err := filepath.Rel(req.Module, req.Source)
	if err != nil {
		return "", err
	}
	return path.Join(module, filepath.ToSlash(rel)), nil
}
