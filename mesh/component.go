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
	kindSecrets = "secretstores"
)

// TypeEmbedded is the type of the engine's own durable state store, which needs
// no server and no metadata. DefaultStore is what it is called in a mesh whose
// functions name none.
const (
	TypeEmbedded = "state.embedded"
	DefaultStore = "statestore"
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

// admitted gives the components of a kind that f may use where functions do not
// declare which: those whose scopes do not leave it out.
func (p *Plan) admitted(f *Function, kind string) []string {
	var names []string
	for name, c := range p.Components {
		if kindOf(c) == kind && p.inScope(f, c) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// embedded adds the engine's own store to a mesh that declares no state
// component: under each name by which a function asks for one, and under
// DefaultStore if none does.
func (c *compiler) embedded() {
	for _, comp := range c.plan.Components {
		if kindOf(comp) == kindState {
			return
		}
	}
	add := func(name string) {
		if _, taken := c.plan.Components[name]; !taken {
			c.plan.Components[name] = v1beta1.Component{Name: name, Type: TypeEmbedded, Version: "v1"}
		}
	}
	asked := false
	for _, f := range c.mesh.Spec.Functions {
		for _, name := range f.State {
			asked = true
			add(name)
		}
	}
	if !asked {
		add(DefaultStore)
	}
}

// MayCall says whether the code of one function may call another and wait for
// its answer: a link leads to it, or calls names it (as written, in kebab-case,
// as its service, or <mesh>.<function>).
func (p *Plan) MayCall(from, to *Function) bool {
	if slices.ContainsFunc(from.Out, func(l *Link) bool { return l.To == to }) {
		return true
	}
	return slices.ContainsFunc(from.Calls, func(name string) bool {
		name = strings.TrimPrefix(name, p.Name+".")
		return name == to.Name || name == to.KubeName || name == to.Service
	})
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
	return documentPath(path, "component(")
}

// PathOfSubscription starts the path of a problem in a Subscription document:
// subscription(orders).spec.topic.
func PathOfSubscription(name string) string { return "subscription(" + name + ")" }

// SubscriptionPath takes a problem's path apart if it is one in a Subscription
// document: its name, and the field as the document has it.
func SubscriptionPath(path string) (name, field string, ok bool) {
	return documentPath(path, "subscription(")
}

func documentPath(path, kind string) (name, field string, ok bool) {
	rest, ok := strings.CutPrefix(path, kind)
	if !ok {
		return "", "", false
	}
	name, field, ok = strings.Cut(rest, ")")
	return name, strings.TrimPrefix(field, "."), ok
}
