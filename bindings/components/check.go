package components

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// Check compares the components of a plan with what this version can open: an
// unknown type or version names the nearest, unknown metadata is a warning with
// the nearest name, missing required metadata an error. The problems' paths are
// those of mesh.PathOfComponent, without a place.
func Check(p *mesh.Plan) mesh.Problems {
	var problems mesh.Problems
	for _, name := range slices.Sorted(maps.Keys(p.Components)) {
		problems = append(problems, checkComponent(p, p.Components[name])...)
	}
	return problems
}

func checkComponent(p *mesh.Plan, c v1beta1.Component) mesh.Problems {
	path := mesh.PathOfComponent(c.Name)
	d, versions := find(c.Type, c.Version)
	if d == nil {
		field, err := ".type", unknownType(c, versions)
		if len(versions) > 0 {
			field = ".version"
		}
		return mesh.Problems{{Path: path + field, Message: err.message, Hint: err.hint}}
	}
	var problems mesh.Problems
	if c.Type != strings.ToLower(c.Type) {
		problems = append(problems, mesh.Problem{Severity: mesh.Warning, Path: path + ".type",
			Message: fmt.Sprintf("%q is written %q", c.Type, strings.ToLower(c.Type))})
	}
	known, has := d.known(), make(map[string]bool)
	for i, m := range c.Metadata {
		has[strings.ToLower(m.Name)] = true
		if slices.ContainsFunc(known, func(k string) bool { return strings.EqualFold(k, m.Name) }) {
			continue
		}
		if slices.ContainsFunc(d.prefixed, func(start string) bool {
			return strings.HasPrefix(strings.ToLower(m.Name), strings.ToLower(start))
		}) {
			continue
		}
		problem := mesh.Problem{
			Severity: mesh.Warning, Path: fmt.Sprintf("%s.metadata[%d].name", path, i),
			Message: fmt.Sprintf("%s does not know the metadata %q", d.name(), m.Name),
		}
		if near := mesh.Nearest(m.Name, known); near != "" {
			problem.Hint = fmt.Sprintf("did you mean %q?", near)
		}
		problems = append(problems, problem)
	}
	for _, r := range d.required {
		either := strings.Split(r, "|")
		if slices.ContainsFunc(either, func(name string) bool { return has[strings.ToLower(name)] }) {
			continue
		}
		problems = append(problems, mesh.Problem{
			Path: path + ".metadata", Message: fmt.Sprintf("%s needs the metadata %q", d.name(), either[0]),
			Hint: "add an entry with that name and a value",
		})
	}
	for i, m := range c.Metadata {
		if strings.EqualFold(m.Name, "keyPrefix") && d.kind() == "state" {
			if _, err := newPrefix(m.Value, c.Name, p); err != nil {
				problems = append(problems, mesh.Problem{Path: fmt.Sprintf("%s.metadata[%d].value", path, i), Message: err.Error()})
			}
		}
	}
	return problems
}

// typeError is a type or version that the registry does not have.
type typeError struct{ message, hint string }

func (e *typeError) Error() string { return e.message + "; " + e.hint }

func unknownType(c v1beta1.Component, versions []string) *typeError {
	if len(versions) > 0 {
		return &typeError{
			fmt.Sprintf("%s has no version %q", c.Type, c.Version),
			"it has " + strings.Join(versions, " and "),
		}
	}
	e := &typeError{message: fmt.Sprintf("the type %q cannot be opened here", c.Type)}
	if near := mesh.Nearest(c.Type, types()); near != "" {
		e.hint = fmt.Sprintf("did you mean %q?", near)
		return e
	}
	kind, _, _ := strings.Cut(c.Type, ".")
	var same []string
	for _, d := range registry {
		if d.version == "" && d.kind() == kind {
			same = append(same, d.name())
		}
	}
	if len(same) == 0 {
		e.hint = "the kinds are state, pubsub, bindings and secretstores"
		return e
	}
	e.hint = fmt.Sprintf("of %s there are %s; a component of that name in local/ can stand in for it here", kind, strings.Join(same, ", "))
	return e
}
