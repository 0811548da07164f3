package detect

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// pkg is a package as its files say, without its imports.
type pkg struct {
	name  string
	shown string
	fset  *token.FileSet
	files []*file
	// funcs are the package's functions, types and consts its types and string
	// constants, methods by the type's name and their own.
	funcs   map[string]*function
	types   map[string]typeSpec
	consts  map[string]string
	methods map[string]map[string]*function
	// registers are the functions that are given to a framework.
	registers map[string]bool
	// seen are the types whose methods have been looked at, and steps counts
	// the types read, for one question: types may go in circles.
	seen  map[string]bool
	steps int
}

// file is one file, with what its imports are called.
type file struct {
	*ast.File
	imports map[string]string // by local name
	dots    []string          // paths imported with a dot
}

type function struct {
	*ast.FuncDecl
	file *file
}

type typeSpec struct {
	*ast.TypeSpec
	file *file
}

// load parses the files that would be compiled.
func load(dir string, opts Options) (*pkg, error) {
	p := &pkg{shown: dir, fset: token.NewFileSet(), funcs: map[string]*function{}, types: map[string]typeSpec{},
		consts: map[string]string{}, methods: map[string]map[string]*function{}}
	if opts.Dir != "" {
		p.shown = opts.Dir
	}
	ctx := build.Default
	ctx.BuildTags, ctx.CgoEnabled = opts.Tags, opts.Cgo
	if opts.GOOS != "" {
		ctx.GOOS = opts.GOOS
	}
	if opts.GOARCH != "" {
		ctx.GOARCH = opts.GOARCH
	}
	if err := p.irregular(dir); err != nil {
		return nil, err
	}
	bp, err := ctx.ImportDir(dir, 0)
	if err == nil && len(bp.GoFiles)+len(bp.CgoFiles) == 0 {
		err = &build.NoGoError{Dir: dir} // there are tests
	}
	p.name = bp.Name
	if err := p.unreadable(bp, err); err != nil {
		return nil, err
	}
	for _, name := range append(bp.GoFiles, bp.CgoFiles...) {
		f, err := parser.ParseFile(p.fset, filepath.Join(dir, name), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, p.syntax(err)
		}
		p.add(f)
	}
	return p, nil
}

// irregular finds what has the name of a source file and is none. To open a
// pipe would take for ever, and the go command opens them.
func (p *pkg) irregular(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("read the source in %s: %w", p.shown, cause(err))
	}
	for _, e := range entries {
		name := e.Name()
		if e.Type().IsRegular() || e.IsDir() || filepath.Ext(name) != ".go" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
			continue
		}
		path := filepath.Join(dir, name)
		reason := "it is no file that could be read as source: remove it, or rename it"
		if info, err := os.Stat(path); err == nil && (info.Mode().IsRegular() || info.IsDir()) {
			continue // the go command leaves out links to directories
		} else if to, lerr := os.Readlink(path); lerr == nil && err != nil {
			reason = fmt.Sprintf("it is a symbolic link to %s, which cannot be read (%v): mend the link, or remove it", to, cause(err))
		}
		return &Error{Pos: token.Position{Filename: p.file(name)}, Reason: reason}
	}
	return nil
}

// cause is an error of a file without the path, which people know otherwise.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// unreadable explains why there is no one package.
func (p *pkg) unreadable(bp *build.Package, err error) error {
	switch e := (any)(err).(type) {
	case nil:
		return nil
	case *build.NoGoError:
		reason := "there are no Go files in it"
		switch ignored := len(bp.IgnoredGoFiles); {
		case ignored > 0:
			reason = fmt.Sprintf("build constraints exclude all Go files in it (%s): set GOFLAGS=-tags=…, or CGO_ENABLED=1 if it needs cgo", strings.Join(bp.IgnoredGoFiles, ", "))
		case len(bp.TestGoFiles)+len(bp.XTestGoFiles) > 0:
			reason = "there are only test files in it"
		}
		return &Error{Pos: token.Position{Filename: p.shown}, Reason: reason}
	case *build.MultiplePackageError:
		return &Error{Pos: token.Position{Filename: p.file(e.Files[1])}, Unread: true,
			Reason: fmt.Sprintf("it is package %s, and %s is package %s: one directory holds one package", e.Packages[1], p.file(e.Files[0]), e.Packages[0])}
	}
	var list scanner.ErrorList
	if errors.As(err, &list) {
		return p.syntax(err)
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return &Error{Pos: token.Position{Filename: p.file(e.Path)}, Reason: fmt.Sprintf("it cannot be read: %v", e.Err)}
	}
	return fmt.Errorf("read the source in %s: %w", p.shown, err)
}

// syntax is what the parser says.
func (p *pkg) syntax(err error) error {
	var list scanner.ErrorList
	if !errors.As(err, &list) || len(list) == 0 {
		return err
	}
	// Of a program the compiler says more.
	e := &Error{Pos: list[0].Pos, Reason: "syntax error: " + list[0].Msg, Unread: p.name == "main"}
	e.Pos.Filename = p.file(list[0].Pos.Filename)
	return e
}

// file is how people know a file.
func (p *pkg) file(name string) string { return filepath.Join(p.shown, filepath.Base(name)) }

// at is where a node begins.
func (p *pkg) at(pos token.Pos) token.Position {
	at := p.fset.Position(pos)
	at.Filename = p.file(at.Filename)
	return at
}

func (p *pkg) add(parsed *ast.File) {
	f := &file{File: parsed, imports: map[string]string{}}
	p.files = append(p.files, f)
	for _, spec := range parsed.Imports {
		from, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has seen to it
		}
		switch {
		case spec.Name == nil:
			f.imports[packageName(from)] = from
		case spec.Name.Name == ".":
			f.dots = append(f.dots, from)
		default:
			f.imports[spec.Name.Name] = from
		}
	}
	for _, decl := range parsed.Decls {
		switch d := decl.(type) {
		case *ast.FuncDecl:
			p.addFunc(&function{d, f})
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					p.types[s.Name.Name] = typeSpec{s, f}
				case *ast.ValueSpec:
					p.addConsts(d.Tok, s)
				}
			}
		}
	}
}

func (p *pkg) addFunc(fn *function) {
	if fn.Recv == nil {
		p.funcs[fn.Name.Name] = fn
		return
	}
	if name := receiver(fn.FuncDecl); name != "" {
		if p.methods[name] == nil {
			p.methods[name] = map[string]*function{}
		}
		p.methods[name][fn.Name.Name] = fn
	}
}

func (p *pkg) addConsts(tok token.Token, s *ast.ValueSpec) {
	if tok != token.CONST {
		return
	}
	for i, name := range s.Names {
		if i < len(s.Values) {
			if v, ok := p.text(s.Values[i]); ok {
				p.consts[name.Name] = v
			}
		}
	}
}

// text is the value of a string that the source spells out.
func (p *pkg) text(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		s, ok := p.consts[e.Name]
		return s, ok
	case *ast.ParenExpr:
		return p.text(e.X)
	case *ast.BinaryExpr:
		a, ok := p.text(e.X)
		b, also := p.text(e.Y)
		return a + b, ok && also && e.Op == token.ADD
	}
	return "", false
}

// receiver is the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) string {
	if len(d.Recv.List) != 1 {
		return ""
	}
	e := d.Recv.List[0].Type
	for {
		switch t := e.(type) {
		case *ast.StarExpr:
			e = t.X
		case *ast.ParenExpr:
			e = t.X
		case *ast.IndexExpr:
			e = t.X
		case *ast.IndexListExpr:
			e = t.X
		case *ast.Ident:
			return t.Name
		default:
			return ""
		}
	}
}

var majorVersion = regexp.MustCompile(`^v[0-9]+$`)

// packageName is what a package is called by the file that imports it: by
// custom the last element of its path.
func packageName(from string) string {
	if from == sdk {
		return "v2" // it is named so itself
	}
	base := path.Base(from)
	if majorVersion.MatchString(base) {
		base = path.Base(path.Dir(from))
	}
	base = strings.TrimPrefix(base, "go-")
	base, _, _ = strings.Cut(base, ".")
	return base
}
