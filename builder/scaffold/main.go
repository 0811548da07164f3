package scaffold

import (
	"bytes"
	"embed"
	"fmt"
	"go/format"
	"go/token"
	"path"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/weftmesh/weft/builder/detect"
)

// hosts are templates of a main, by kind of handler.
//
//go:embed hosts
var hosts embed.FS

// exported is what a handler whose name is not exported is called by its main.
const exported = "WeftHandler_"

// host is the template for a kind of handler.
func host(h detect.Handler) string {
	switch h.Kind {
	case detect.Weft:
		return "weft"
	case detect.Func:
		return "func"
	case detect.FunctionsFramework:
		if h.Form == detect.Typed && h.Symbol != "" {
			return "typed"
		}
		return "framework"
	case detect.OpenFunction:
		if h.Form == detect.Context {
			return "openfunction"
		}
		return "plain"
	}
	return ""
}

// mainFiles renders the main package and what is laid into the handler's own,
// by path.
func mainFiles(req Request, module, main string) (map[string][]byte, error) {
	h := req.Handler
	name := host(h)
	if name == "" {
		return nil, fmt.Errorf("a handler of kind %s needs no main", h.Kind)
	}
	if h.Kind == detect.OpenFunction && h.Symbol == "" {
		return nil, fmt.Errorf("%s: the handler has no name, and OpenFunction's registry keeps it to itself: make it a function of the package", h.Pos)
	}
	rel, err := filepath.Rel(req.Module, req.Source)
	if err != nil {
		return nil, err
	}
	from := path.Join(module, filepath.ToSlash(rel))
	values := map[string]any{"Import": from, "Function": req.Function, "Handler": h, "Exported": h.Symbol, "Context": h.Framework + "/context"}
	values["Path"] = servedAt(h)
	files := map[string][]byte{}
	if (name == "typed" || name == "plain" || name == "openfunction") && !token.IsExported(h.Symbol) {
		values["Exported"] = exported
		if files[beside(req.Source, "weft_handler", ".go")], err = render("export", values); err != nil {
			return nil, err
		}
	}
	files[filepath.Join(main, "main.go")], err = render(name, values)
	return files, err
}

// servedAt is where functions-framework-go serves a handler beside others; empty
// if that is not known, or no path to look for.
func servedAt(h detect.Handler) string {
	at := h.Path
	if h.Name != "" {
		at = "/" + h.Name
	}
	if !strings.HasPrefix(at, "/") || strings.ContainsAny(at, "{} \t") || path.Clean(at) != at && path.Clean(at)+"/" != at {
		return ""
	}
	return at
}

// render is a template as Go is formatted.
func render(name string, values map[string]any) ([]byte, error) {
	t, err := template.New(name+".go.tmpl").Delims("[[", "]]").Option("missingkey=error").ParseFS(hosts, "hosts/"+name+".go.tmpl")
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, values); err != nil {
		return nil, err
	}
	source, err := format.Source(b.Bytes())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return source, nil
}
