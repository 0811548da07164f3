package detect

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// openFunctions looks for functions of OpenFunction's signature, whatever
// their name; those that are registered were found already.
func (p *pkg) openFunctions() (found []Handler, faults []*Error) {
	for name, fn := range p.funcs {
		if p.registers[name] {
			continue
		}
		s := p.signature(fn.file, fn.Type)
		if !slices.ContainsFunc(append(slices.Clone(s.params), s.results...), func(t string) bool { return strings.HasPrefix(strings.TrimLeft(t, "*"), ofctx+".") }) {
			continue
		}
		if !s.equal(contextForm) || fn.Type.TypeParams != nil {
			if ast.IsExported(name) {
				faults = append(faults, p.miss(fn, name, s, name+" is not as a handler of OpenFunction is", []signature{contextForm}))
			}
			continue
		}
		if !ast.IsExported(name) {
			faults = append(faults, &Error{Pos: p.at(fn.Pos()), Reason: fmt.Sprintf("%s is a handler, but not exported: begin its name with a capital letter", name),
				Found: "func " + name + s.String(), distance: 1})
			continue
		}
		found = append(found, Handler{Kind: OpenFunction, Form: Context, Package: p.name, Symbol: name, Framework: p.openFramework(fn.file),
			Signature: "func " + name + s.String(), Pos: p.at(fn.Pos()),
			Why: fmt.Sprintf("%s takes an ofctx.Context and bytes, and returns an ofctx.Out", name)})
	}
	slices.SortFunc(found, func(a, b Handler) int { return before(a.Pos, b.Pos) })
	slices.SortFunc(faults, byPosition)
	return found, faults
}

// openFramework is the module path of OpenFunction's framework that a file
// imports.
func (p *pkg) openFramework(f *file) string {
	for _, spec := range f.Imports {
		from := strings.Trim(spec.Path.Value, "`\"")
		if plain(from) == ofctx {
			return strings.TrimSuffix(from, "/context")
		}
	}
	return openFramework
}
