package desired

import (
	"fmt"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// unprotected are the fields of a route that protect it and that the front does
// not enforce: it must not serve such a route, for it would be open.
func unprotected(t v1beta1.Trigger) []string {
	var fields []string
	for _, f := range []struct {
		name string
		set  bool
	}{{"auth", t.Auth != nil}, {"rateLimit", t.RateLimit != nil}, {"schema", t.Schema != nil}} {
		if f.set && t.Type == v1beta1.TriggerHTTP {
			fields = append(fields, f.name)
		}
	}
	return fields
}

// protected notes a route that is not served.
func (b *builder) protected(f *mesh.Function, i int, t v1beta1.Trigger) {
	if fields := unprotected(t); len(fields) > 0 {
		b.note(Note{Function: f.Name, Path: fmt.Sprintf("%s[%d].%s", at(f, "triggers"), i, fields[0]), Type: TypeTriggersHonoured, Reason: "NotEnforced", Blocking: true,
			Message: "this version does not enforce " + strings.Join(fields, " and ") + ", so the route would be open, and is not served; remove that to serve it without the protection"})
	}
}
