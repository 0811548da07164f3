package detect

import (
	"go/ast"
	"regexp"
	"slices"
	"strings"
)

// Import paths that tell handlers apart.
const (
	sdk           = "github.com/cloudevents/sdk-go/v2"
	sdkEvent      = sdk + "/event"
	weft          = "github.com/weftmesh/weft/runtime/fn"
	framework     = "github.com/GoogleCloudPlatform/functions-framework-go/functions"
	frameworkOld  = "github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	funcHTTP      = "knative.dev/func-go/http"
	ofctx         = "github.com/OpenFunction/functions-framework-go/context"
	ofFunctions   = "github.com/OpenFunction/functions-framework-go/functions"
	openFramework = "github.com/OpenFunction/functions-framework-go"
)

// openMajor is a major version in a path of OpenFunction's framework, which
// makes no difference here.
var openMajor = regexp.MustCompile(`^(` + regexp.QuoteMeta(openFramework) + `)/v[0-9]+/`)

// plain is an import path without what makes no difference.
func plain(from string) string { return openMajor.ReplaceAllString(from, "$1/") }

// exports are the names that a dot import of a known package may bring.
var exports = map[string][]string{
	"net/http":   {"ResponseWriter", "Request", "HandlerFunc", "Handler"},
	"context":    {"Context"},
	sdk:          {"Event"},
	sdkEvent:     {"Event"},
	ofctx:        {"Context", "Out", "FunctionOut"},
	weft:         {"HTTP", "CloudEvent", "Typed", "Main"},
	framework:    {"HTTP", "CloudEvent", "Typed"},
	ofFunctions:  {"HTTP", "CloudEvent", "OpenFunction"},
	frameworkOld: {"RegisterHTTPFunction", "RegisterEventFunction", "RegisterHTTPFunctionContext", "RegisterEventFunctionContext", "RegisterCloudEventFunctionContext"},
}

// signature is the types that a function takes and returns, each by import
// path and name. One that the source does not tell is "?".
type signature struct{ params, results []string }

func (s signature) equal(o signature) bool {
	return slices.Equal(s.params, o.params) && slices.Equal(s.results, o.results)
}

// signature reads a function's type.
func (p *pkg) signature(f *file, t *ast.FuncType) signature {
	p.steps = 0
	return p.within(f, t)
}

// within is the signature of a function's type within another.
func (p *pkg) within(f *file, t *ast.FuncType) signature {
	return signature{p.list(f, t.Params), p.list(f, t.Results)}
}

func (p *pkg) list(f *file, fields *ast.FieldList) []string {
	var all []string
	if fields == nil {
		return nil
	}
	for _, field := range fields.List {
		t := p.typeOf(f, field.Type, 0)
		for range max(1, len(field.Names)) {
			all = append(all, t)
		}
	}
	return all
}

// maxDepth and maxSteps bound what is read for one signature: aliases may go in
// circles.
const (
	maxDepth = 20
	maxSteps = 500
)

// typeOf names a type.
func (p *pkg) typeOf(f *file, e ast.Expr, depth int) string {
	if p.steps++; depth > maxDepth || p.steps > maxSteps {
		return "?"
	}
	next := func(e ast.Expr) string { return p.typeOf(f, e, depth+1) }
	switch t := e.(type) {
	case *ast.ParenExpr:
		return next(t.X)
	case *ast.StarExpr:
		return "*" + next(t.X)
	case *ast.Ellipsis:
		return "..." + next(t.Elt)
	case *ast.ArrayType:
		if t.Len != nil {
			return "[n]" + next(t.Elt)
		}
		return "[]" + next(t.Elt)
	case *ast.MapType:
		return "map[" + next(t.Key) + "]" + next(t.Value)
	case *ast.InterfaceType:
		if t.Methods == nil || len(t.Methods.List) == 0 {
			return "any"
		}
		return "interface{…}"
	case *ast.StructType:
		return "struct{…}"
	case *ast.ChanType:
		return "chan " + next(t.Value)
	case *ast.FuncType:
		return "func" + p.within(f, t).String()
	case *ast.IndexExpr:
		return next(t.X) + "[" + next(t.Index) + "]"
	case *ast.IndexListExpr:
		return next(t.X) + "[…]"
	case *ast.SelectorExpr:
		x, ok := t.X.(*ast.Ident)
		if !ok {
			return "?"
		}
		from, ok := f.imports[x.Name]
		if !ok {
			return x.Name + "." + t.Sel.Name
		}
		return qualified(from, t.Sel.Name)
	case *ast.Ident:
		return p.ident(f, t.Name, depth)
	}
	return "?"
}

// predeclared are the types of handlers that a package can hide.
var predeclared = map[string]bool{"error": true, "byte": true, "uint8": true, "string": true, "bool": true, "any": true}

// ident names what a name stands for: a type of the package, one of a dot
// import, or a predeclared one.
func (p *pkg) ident(f *file, name string, depth int) string {
	if spec, ok := p.types[name]; ok {
		if spec.Assign.IsValid() {
			return p.typeOf(spec.file, spec.Type, depth+1)
		}
		if predeclared[name] {
			return p.name + "." + name // not what everyone takes it for
		}
		return name
	}
	for _, from := range f.dots {
		if slices.Contains(exports[plain(from)], name) {
			return qualified(from, name)
		}
	}
	switch name {
	case "uint8":
		return "byte"
	case "int32":
		return "rune"
	}
	return name
}

func qualified(from, name string) string {
	if from == sdk && name == "Event" {
		from = sdkEvent // an alias of it
	}
	return plain(from) + "." + name
}

// directories is what precedes the last element of an import path.
var directories = regexp.MustCompile(`[\w.~-]+/(?:[\w.~-]+/)*`)

// short is a type as people write it.
func short(t string) string {
	return directories.ReplaceAllString(strings.ReplaceAll(t, ofctx+".", "ofctx."), "")
}

func (s signature) String() string { return s.write(short) }

// long names types by import path.
func (s signature) long() string { return s.write(func(t string) string { return t }) }

func (s signature) write(name func(string) string) string {
	list := func(types []string) string {
		all := make([]string, len(types))
		for i, t := range types {
			all[i] = name(t)
		}
		return strings.Join(all, ", ")
	}
	out := "(" + list(s.params) + ")"
	switch len(s.results) {
	case 0:
	case 1:
		out += " " + list(s.results)
	default:
		out += " (" + list(s.results) + ")"
	}
	return out
}

// distance is how far two signatures are apart: 2 for each type too many or
// too few, 1 for one that is nearly right.
func (s signature) distance(o signature) int {
	return edits(s.params, o.params) + edits(s.results, o.results)
}

// edits is Levenshtein's distance of two lists.
func edits(a, b []string) int {
	if !slices.Equal(a, b) && slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))) {
		return 1 // in another order
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = 2 * j
	}
	for i, x := range a {
		corner := row[0]
		row[0] = 2 * (i + 1)
		for j, y := range b {
			change := corner + differ(x, y)
			corner = row[j+1]
			row[j+1] = min(change, row[j+1]+2, row[j]+2)
		}
	}
	return row[len(b)]
}

func differ(a, b string) int {
	bare := func(t string) string {
		t = strings.TrimLeft(t, "*[].")
		return t[strings.LastIndexAny(t, "./")+1:]
	}
	switch {
	case a == b:
		return 0
	case bare(a) == bare(b):
		return 1
	}
	return 3
}

// nearest is the accepted signature that resembles s most, the first of
// several, and how far it is.
func (s signature) nearest(accepted []signature) (signature, int) {
	best, least := accepted[0], s.distance(accepted[0])
	for _, o := range accepted[1:] {
		if d := s.distance(o); d < least {
			best, least = o, d
		}
	}
	return best, least
}

// called is the import path and name of a function that an expression calls;
// both are empty if it is none of another package.
func (p *pkg) called(f *file, fun ast.Expr) (from, name string) {
	switch e := fun.(type) {
	case *ast.ParenExpr:
		return p.called(f, e.X)
	case *ast.IndexExpr:
		return p.called(f, e.X)
	case *ast.IndexListExpr:
		return p.called(f, e.X)
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok && f.imports[x.Name] != "" {
			return f.imports[x.Name], e.Sel.Name
		}
	case *ast.Ident:
		if _, ours := p.funcs[e.Name]; ours {
			return "", ""
		}
		for _, from := range f.dots {
			if slices.Contains(exports[plain(from)], e.Name) {
				return from, e.Name
			}
		}
	}
	return "", ""
}
