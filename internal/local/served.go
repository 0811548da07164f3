package local

import (
	"fmt"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/bindings/subscriptions"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/source"
)

// checkServed compares what a mesh declares with what this engine does. What
// protects a route and would not be enforced is an error, for a mesh must not
// run less safely than it says; other triggers are warnings. Components are
// checked against those that there are, and subscriptions against the mesh.
func checkServed(b *source.Bundle) mesh.Problems {
	var problems mesh.Problems
	refuse := func(path, field string) {
		problems = append(problems, mesh.Problem{
			File: b.Files[0], Path: path + "." + field,
			Message: "this version does not enforce " + field + ", so the route would be open",
			Hint:    "remove it to run the mesh without that protection",
		})
	}
	warn := func(path, format string, args ...any) {
		problems = append(problems, mesh.Problem{
			Severity: mesh.Warning, File: b.Files[0], Path: path, Message: fmt.Sprintf(format, args...),
		})
	}
	for _, f := range b.Plan.Functions {
		for i, t := range f.Triggers {
			path := fmt.Sprintf("spec.functions[%d].triggers[%d]", f.Index, i)
			if t.Auth != nil {
				refuse(path, "auth")
			}
			if t.RateLimit != nil {
				refuse(path, "rateLimit")
			}
			if t.Schema != nil {
				refuse(path, "schema")
			}
			if t.Type != v1beta1.TriggerHTTP {
				warn(path, "this version does not serve triggers of type %s locally: nothing calls %s by it", t.Type, f.Name)
			}
		}
	}
	declared := append(components.Check(b.Plan), subscriptions.Check(b.Plan, b.Subscriptions)...)
	return append(problems, b.Place(declared)...)
}
