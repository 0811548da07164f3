package mesh

import (
	"slices"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
)

// Kinds of Dapr components: the part of a component's type before the dot.
const (
	kindState   = "state"
	kindBinding = "bindings"
	kindPubSub  = "pubsub"
)

func kindOf(c v1beta1.Component) string {
	kind, _, _ := strings.Cut(c.Type, ".")
	return kind
}

// visible gives the components of a kind that f may use, in the order of
// their names.
//
// What f declares decides. Where f declares nothing of the kind, a component
// whose scopes name f is visible, and, if no function of the mesh declares
// state or bindings, every component without scopes (Dapr's rule).
func (p *Plan) visible(f *Function, kind string, declared []string, anyDeclared bool) []string {
	if declared != nil {
		return slices.Clone(declared)
	}
	var names []string
	for name, c := range p.Components {
		if kindOf(c) != kind {
			continue
		}
		if len(c.Scopes) == 0 && !anyDeclared || p.inScope(f, c) && len(c.Scopes) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// inScope says whether a component's scopes admit f. A scope is a function's
// name, as written or in kebab-case, or its app id.
func (p *Plan) inScope(f *Function, c v1beta1.Component) bool {
	if len(c.Scopes) == 0 {
		return true
	}
	return slices.ContainsFunc(c.Scopes, func(scope string) bool {
		return scope == f.Name || scope == f.KubeName || scope == f.Service
	})
}

func anyDeclares(fm *v1beta1.FunctionMesh) bool {
	return slices.ContainsFunc(fm.Spec.Functions, func(f v1beta1.Function) bool {
		return f.State != nil || f.Bindings != nil
	})
}

// PathOfComponent starts the path of a problem in a component that is declared
// beside the mesh: component(order-state).type.
func PathOfComponent(name string) string { return "component(" + name + ")" }

// ComponentPath takes a problem's path apart if it is one in a component that
// was given to Compile beside the mesh: its name, and the field in it as an
// inline component has it.
func ComponentPath(path string) (name, field string, ok bool) {
	rest, ok := strings.CutPrefix(path, "component(")
	if !ok {
		return "", "", false
	}
	name, field, ok = strings.Cut(rest, ")")
	return name, strings.TrimPrefix(field, "."), ok
}
