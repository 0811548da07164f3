package detect

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
)

// registration is a function that registers handlers.
type registration struct {
	kind Kind
	form Form
	// name and handler are the indices of those arguments; name is -1 where
	// there is a path instead, before the handler.
	name, handler int
	// accepted forms; none if the framework takes any.
	accepted []signature
}

// registrations by import path and name.
var registrations = map[string]registration{
	weft + ".HTTP":       {kind: Weft, form: HTTP, handler: 1},
	weft + ".CloudEvent": {kind: Weft, form: CloudEvent, handler: 1, accepted: []signature{cloudEventForm}},
	weft + ".Typed":      {kind: Weft, form: Typed, handler: 1},

	framework + ".HTTP":       {kind: FunctionsFramework, form: HTTP, handler: 1, accepted: []signature{httpForm}},
	framework + ".CloudEvent": {kind: FunctionsFramework, form: CloudEvent, handler: 1, accepted: []signature{cloudEventForm}},
	framework + ".Typed":      {kind: FunctionsFramework, form: Typed, handler: 1},

	frameworkOld + ".RegisterHTTPFunction":              {kind: FunctionsFramework, form: HTTP, name: -1, handler: 1, accepted: []signature{httpForm}},
	frameworkOld + ".RegisterEventFunction":             {kind: FunctionsFramework, form: Event, name: -1, handler: 1},
	frameworkOld + ".RegisterHTTPFunctionContext":       {kind: FunctionsFramework, form: HTTP, name: -1, handler: 2, accepted: []signature{httpForm}},
	frameworkOld + ".RegisterEventFunctionContext":      {kind: FunctionsFramework, form: Event, name: -1, handler: 2},
	frameworkOld + ".RegisterCloudEventFunctionContext": {kind: FunctionsFramework, form: CloudEvent, name: -1, handler: 2, accepted: []signature{cloudEventForm}},

	ofFunctions + ".HTTP":         {kind: OpenFunction, form: HTTP, handler: 1, accepted: []signature{httpForm}},
	ofFunctions + ".CloudEvent":   {kind: OpenFunction, form: CloudEvent, handler: 1, accepted: []signature{cloudEventForm}},
	ofFunctions + ".OpenFunction": {kind: OpenFunction, form: Context, handler: 1, accepted: []signature{contextForm}},
}

// site is a call that registers a handler, and the function that makes it,
// which is init where a package variable is initialised.
type site struct {
	call   *ast.CallExpr
	file   *file
	within string
	is     registration
	named  string
}

// registered looks for handlers that register themselves when the package is
// initialised.
func (p *pkg) registered() (found []Handler, faults []*Error) {
	sites, calls := p.sites()
	live := reachable(calls)
	p.registers = map[string]bool{}
	for _, s := range sites {
		if len(s.call.Args) <= s.is.handler {
			continue // the compiler says it better
		}
		if !live[s.within] {
			p.given(s)
			faults = append(faults, &Error{Pos: p.at(s.call.Pos()), distance: -1,
				Reason: fmt.Sprintf("%s is called in %s, which nothing calls when the package is initialised: call it in func init", s.named, s.within)})
			continue
		}
		h, fault := p.registrationAt(s)
		if fault != nil {
			fault.certain = true
			faults = append(faults, fault)
			continue
		}
		found = append(found, h)
	}
	slices.SortStableFunc(found, func(a, b Handler) int { return before(a.Pos, b.Pos) })
	return found, faults
}

// given notes the function that a registration is given.
func (p *pkg) given(s site) (*function, string) {
	id, ok := s.call.Args[s.is.handler].(*ast.Ident)
	if !ok || p.funcs[id.Name] == nil {
		return nil, ""
	}
	p.registers[id.Name] = true
	return p.funcs[id.Name], id.Name
}

// registrationAt judges one registration.
func (p *pkg) registrationAt(s site) (Handler, *Error) {
	h := Handler{Kind: s.is.kind, Form: s.is.form, Package: p.name, Pos: p.at(s.call.Pos())}
	if s.is.name >= 0 {
		h.Name, _ = p.text(s.call.Args[s.is.name])
	} else {
		h.Path, _ = p.text(s.call.Args[s.is.handler-1])
	}
	if s.is.kind == OpenFunction {
		h.Framework = p.openFramework(s.file)
	}
	h.Why = fmt.Sprintf("package %s calls %s when it is initialised", p.name, s.named)
	arg := s.call.Args[s.is.handler]
	got, known := signature{}, false
	if lit, ok := arg.(*ast.FuncLit); ok {
		got, known = p.signature(s.file, lit.Type), true
	}
	if fn, name := p.given(s); fn != nil {
		h.Symbol = name
		// What type parameters stand for, the compiler knows.
		got, known = p.signature(fn.file, fn.Type), fn.Type.TypeParams == nil
	}
	if !known {
		return h, nil
	}
	h.Signature = "func" + got.String()
	if h.Symbol != "" {
		h.Signature = "func " + h.Symbol + got.String()
	}
	if near, ok := s.accepts(got); !ok {
		return h, &Error{Pos: p.at(arg.Pos()), Reason: fmt.Sprintf("%s is given what it does not take", s.named),
			Found: h.Signature, Nearest: near}
	}
	return h, nil
}

// accepts says whether a registration takes a signature; if not, what it takes
// that is nearest.
func (s site) accepts(got signature) (nearest string, ok bool) {
	switch {
	case len(s.is.accepted) > 0:
		near, d := got.nearest(s.is.accepted)
		return "func" + near.String(), d == 0
	case s.is.kind == FunctionsFramework && s.is.form == Typed:
		return "func(In) (Out, error)", len(got.params) == 1 && len(got.results) <= 2 &&
			(len(got.results) == 0 || got.results[len(got.results)-1] == tError)
	case s.is.kind == FunctionsFramework && s.is.form == Event:
		return "func(context.Context, Event) error", len(got.params) == 2 && got.params[0] == tContext && slices.Equal(got.results, types(tError))
	case s.is.kind == Weft && s.is.form == Typed:
		return "func(context.Context, In) (Out, error)", len(got.params) == 2 && got.params[0] == tContext && len(got.results) == 2 && got.results[1] == tError
	}
	return "", true
}

// sites finds the registrations, and which function of the package calls
// which; those that initialise variables count as init's.
func (p *pkg) sites() (sites []site, calls map[string][]string) {
	calls = map[string][]string{}
	for _, f := range p.files {
		for _, decl := range f.Decls {
			within := "init"
			if fn, ok := decl.(*ast.FuncDecl); ok {
				if fn.Body == nil || fn.Recv != nil && receiver(fn) == "" {
					continue
				}
				within = fn.Name.Name
				if fn.Recv != nil {
					within = receiver(fn) + "." + within
				}
			} else if g, ok := decl.(*ast.GenDecl); !ok || g.Tok != token.VAR {
				continue
			}
			ast.Inspect(decl, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && p.funcs[id.Name] != nil {
					calls[within] = append(calls[within], id.Name)
				}
				call, ok := n.(*ast.CallExpr)
				if !ok {
					return true
				}
				from, name := p.called(f, call.Fun)
				if is, ok := registrations[plain(from)+"."+name]; ok {
					sites = append(sites, site{call: call, file: f, within: within, is: is, named: packageName(from) + "." + name})
				}
				return true
			})
		}
	}
	return sites, calls
}

// reachable is the functions that initialising the package may call.
func reachable(calls map[string][]string) map[string]bool {
	live := map[string]bool{"init": true}
	for todo := []string{"init"}; len(todo) > 0; {
		from := todo[0]
		todo = todo[1:]
		for _, to := range calls[from] {
			if !live[to] {
				live[to] = true
				todo = append(todo, to)
			}
		}
	}
	return live
}
