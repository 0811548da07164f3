package detect

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// knative looks for what Knative func takes: a function Handle, or a function
// New whose result has the method Handle; not both.
func (p *pkg) knative() ([]Handler, []*Error) {
	handle, constructor := p.funcs["Handle"], p.funcs["New"]
	if p.registers["Handle"] {
		return nil, nil // a framework has it
	}
	switch {
	case handle != nil && constructor != nil:
		return nil, []*Error{{Pos: p.at(handle.Pos()), certain: true,
			Reason: "there are both Handle and New: a func handler has one of them",
			Notes:  []string{p.at(constructor.Pos()).String() + ": New is here"}}}
	case handle != nil:
		return p.handle(handle)
	case constructor != nil:
		return p.instance(constructor)
	}
	return nil, p.almostKnative()
}

// handle judges the function Handle.
func (p *pkg) handle(fn *function) ([]Handler, []*Error) {
	s := p.signature(fn.file, fn.Type)
	if s.equal(contextForm) {
		return nil, nil // OpenFunction's, which may have any name
	}
	form := formOf(s)
	if fn.Type.TypeParams != nil {
		form = ""
	}
	if form == "" {
		return nil, []*Error{p.miss(fn, "Handle", s, "Handle takes or returns what no handler does", append(slices.Clone(funcForms), contextForm))}
	}
	h := Handler{Kind: Func, Form: form, Package: p.name, Symbol: "Handle", Signature: "func Handle" + s.String(), Pos: p.at(fn.Pos())}
	h.Why = fmt.Sprintf("package %s has a function Handle in %s", p.name, formName(form))
	return []Handler{h}, nil
}

func formName(f Form) string {
	if f == HTTP {
		return "HTTP form"
	}
	return "a CloudEvents form"
}

// miss is a function that is not quite a handler.
func (p *pkg) miss(fn *function, name string, s signature, reason string, accepted []signature) *Error {
	near, d := s.nearest(accepted)
	found := "func " + name
	if fn.Type.TypeParams != nil {
		found += "[…]"
		reason = name + " has type parameters, and a handler is called without"
	}
	e := &Error{Pos: p.at(fn.Pos()), Reason: reason, Found: found + s.String(), Nearest: "func " + name + near.String(), distance: d}
	if e.Found == e.Nearest {
		// Types of the same name, of different packages.
		e.Found, e.Nearest = found+s.long(), "func "+name+near.long()
	}
	return e
}

// instance judges the constructor and what it returns.
func (p *pkg) instance(fn *function) ([]Handler, []*Error) {
	s := p.signature(fn.file, fn.Type)
	at := p.at(fn.Pos())
	wrong := func(reason string) ([]Handler, []*Error) {
		return nil, []*Error{{Pos: at, Reason: reason, Found: "func New" + s.String(), Nearest: "func New() *F, where F has a method Handle", distance: 6}}
	}
	switch {
	case fn.Type.TypeParams != nil:
		return wrong("New has type parameters, and is called without")
	case len(s.params) > 0:
		return wrong("New takes arguments, and is called without: read settings from the environment, or in a method Start")
	case len(s.results) != 1:
		return wrong("New returns one value, the handler")
	}
	p.seen = map[string]bool{}
	m, err := p.methodsOf(fn.file, fn.Type.Results.List[0].Type, 0)
	if err != "" {
		return wrong("what New returns " + err)
	}
	h := Handler{Kind: Func, Package: p.name, Symbol: "New", Instance: true, Pos: at}
	handle := m["Handle"]
	switch {
	case handle == nil:
		return wrong("what New returns has no method Handle" + p.withPointer(m, s))
	case handle.pointer:
		return nil, []*Error{{Pos: handle.pos, Reason: "Handle has a pointer receiver, and New returns a value: return a pointer",
			Found: "func New" + s.String(), Nearest: "func New() *" + strings.TrimPrefix(s.results[0], "*"), distance: 1}}
	}
	h.Signature, h.Form = "Handle"+handle.sig.String(), formOf(handle.sig)
	if h.Form == "" {
		near, d := handle.sig.nearest(funcForms)
		return nil, []*Error{{Pos: handle.pos, Reason: "the method Handle takes or returns what no handler does",
			Found: "Handle" + handle.sig.String(), Nearest: "Handle" + near.String(), distance: d}}
	}
	for _, name := range hookNames {
		hook := m[name]
		if hook == nil {
			continue
		}
		if want := hooks[name]; !hook.sig.equal(want) || hook.pointer {
			return nil, []*Error{{Pos: hook.pos, Reason: fmt.Sprintf("the method %s would never be called: it is not as the hook of that name is", name),
				Found: name + hook.sig.String(), Nearest: name + want.String(), distance: 1, certain: true}}
		}
		h.Hooks = append(h.Hooks, name)
	}
	h.Why = fmt.Sprintf("package %s has a function New, and what it returns a method Handle in %s", p.name, formName(h.Form))
	return []Handler{h}, nil
}

// withPointer says more of a type without Handle.
func (p *pkg) withPointer(m map[string]*method, s signature) string {
	for name := range m {
		if strings.EqualFold(name, "handle") {
			return fmt.Sprintf(" (%s is another name)", name)
		}
	}
	if name := strings.TrimPrefix(s.results[0], "*"); p.types[name].TypeSpec != nil {
		return ": add func (f *" + name + ") Handle" + httpForm.String()
	}
	return ""
}

// method is one of a method set. One with pointer needs a pointer, where there
// is a value.
type method struct {
	sig     signature
	pos     token.Position
	pointer bool
}

// methodsOf is the method set of a type, or why it cannot be told from the
// package alone.
func (p *pkg) methodsOf(f *file, e ast.Expr, depth int) (m map[string]*method, unknown string) {
	if depth > maxDepth {
		return nil, "is an alias of itself"
	}
	switch t := e.(type) {
	case *ast.ParenExpr:
		return p.methodsOf(f, t.X, depth+1)
	case *ast.StarExpr:
		m, unknown = p.methodsOf(f, t.X, depth+1)
		for _, one := range m {
			one.pointer = false
		}
		return m, unknown
	case *ast.InterfaceType:
		return p.interfaceMethods(f, t, depth)
	case *ast.StructType:
		return p.promoted(f, t, depth)
	case *ast.IndexExpr:
		return p.methodsOf(f, t.X, depth+1)
	case *ast.IndexListExpr:
		return p.methodsOf(f, t.X, depth+1)
	case *ast.SelectorExpr:
		name := p.typeOf(f, t, 0)
		if name == funcHTTP+".Handler" {
			return map[string]*method{"Handle": {sig: httpForm, pos: p.at(t.Pos())}}, ""
		}
		return nil, fmt.Sprintf("is of another package (%s): return a type of this one, which may embed it and needs a method Handle", short(name))
	case *ast.Ident:
		return p.namedMethods(t, depth)
	}
	return nil, "has no methods"
}

func (p *pkg) namedMethods(t *ast.Ident, depth int) (map[string]*method, string) {
	spec, ok := p.types[t.Name]
	if !ok {
		if t.Name == "any" {
			return nil, "may be anything: name its type"
		}
		return nil, "is no type of this package"
	}
	m := map[string]*method{}
	if p.seen[t.Name] {
		return m, "" // they are there
	}
	p.seen[t.Name] = true
	under := spec.Type
	switch under.(type) {
	case *ast.InterfaceType, *ast.StructType:
	default:
		if !spec.Assign.IsValid() {
			under = nil // a defined type has methods of its own alone
		}
	}
	if under != nil {
		inner, unknown := p.methodsOf(spec.file, under, depth+1)
		if unknown != "" && (spec.Assign.IsValid() || p.methods[t.Name]["Handle"] == nil) {
			return nil, unknown
		}
		for name, one := range inner {
			m[name] = one
		}
	}
	for name, fn := range p.methods[t.Name] {
		_, pointer := fn.Recv.List[0].Type.(*ast.StarExpr)
		m[name] = &method{p.signature(fn.file, fn.Type), p.at(fn.Pos()), pointer}
	}
	return m, ""
}

func (p *pkg) interfaceMethods(f *file, t *ast.InterfaceType, depth int) (map[string]*method, string) {
	if t.Methods == nil || len(t.Methods.List) == 0 {
		return nil, "may be anything: name its type"
	}
	m := map[string]*method{}
	for _, field := range t.Methods.List {
		if fn, ok := field.Type.(*ast.FuncType); ok {
			for _, name := range field.Names {
				m[name.Name] = &method{sig: p.signature(f, fn), pos: p.at(name.Pos())}
			}
			continue
		}
		inner, unknown := p.methodsOf(f, field.Type, depth+1)
		if unknown != "" {
			continue // what it adds is none of the methods that count, or is written here as well
		}
		for name, one := range inner {
			m[name] = one
		}
	}
	return m, ""
}

// promoted are the methods of a struct's embedded fields.
func (p *pkg) promoted(f *file, t *ast.StructType, depth int) (map[string]*method, string) {
	m := map[string]*method{}
	foreign := ""
	for _, field := range t.Fields.List {
		if len(field.Names) > 0 {
			continue
		}
		inner, unknown := p.methodsOf(f, field.Type, depth+1)
		if unknown != "" {
			foreign = fmt.Sprintf("embeds %s, which is not read: write a method Handle that calls it", short(p.typeOf(f, field.Type, 0)))
			continue
		}
		for name, one := range inner {
			m[name] = one
		}
	}
	if m["Handle"] == nil && foreign != "" {
		return nil, foreign
	}
	return m, ""
}

// almostKnative looks for a handler whose name or place is wrong.
func (p *pkg) almostKnative() (faults []*Error) {
	for name, fn := range p.funcs {
		if p.registers[name] {
			continue
		}
		s := p.signature(fn.file, fn.Type)
		exported := ast.IsExported(name)
		switch form := formOf(s); {
		case form == "" && exported && slices.ContainsFunc(s.params, func(t string) bool { return t == tWriter || strings.HasSuffix(t, tEvent) || t == tRequest }):
			faults = append(faults, p.miss(fn, name, s, fmt.Sprintf("%s is no handler: it takes or returns what none does, and is not named Handle", name), funcForms))
		case form == HTTP, form == CloudEvent && slices.Contains(s.params, tEvent), strings.EqualFold(name, "handle") && form != "":
			reason := fmt.Sprintf("%s could be a handler, but nothing registers it: name it Handle, or register it in func init", name)
			e := &Error{Pos: p.at(fn.Pos()), Reason: reason, Found: "func " + name + s.String(), Nearest: "func Handle" + s.String()}
			if !exported {
				e.distance = 1
			}
			faults = append(faults, e)
		}
	}
	for name, methods := range p.methods {
		fn := methods["Handle"]
		if fn == nil {
			continue
		}
		if s := p.signature(fn.file, fn.Type); formOf(s) != "" {
			faults = append(faults, &Error{Pos: p.at(fn.Pos()), Reason: fmt.Sprintf("%s has a method Handle, but there is no function New that returns one", name),
				Found: fmt.Sprintf("func (%s) Handle%s", name, s), Nearest: "func New() *" + name, distance: 1})
		}
	}
	slices.SortFunc(faults, byPosition)
	return faults
}

func byPosition(a, b *Error) int { return before(a.Pos, b.Pos) }

// before compares positions.
func before(a, b token.Position) int {
	return cmp.Or(strings.Compare(a.Filename, b.Filename), a.Offset-b.Offset)
}
