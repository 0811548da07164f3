package source

import (
	"fmt"
	"slices"

	"github.com/weftmesh/weft/mesh"
)

// translation makes a function of a mesh of a document that says the same in
// another form: field by field, each with its place.
type translation struct {
	ds *documents
	// doc is what is translated, and f what comes of it.
	doc, f *node
}

// fields are the known ones of a map, and what is done with each.
type fields map[string]func(entry)

// walk does what is to be done with the fields of a map. What is unknown is a
// warning: func and kubectl read past it as well.
func (t *translation) walk(n *node, known fields) {
	if n.kind == null {
		return
	}
	if n.kind != mapping {
		t.fault(n.at, "%s is not a map of fields", n.describe())
		return
	}
	for _, e := range n.entries {
		if do := known[e.key]; do != nil {
			if e.value.kind != null {
				do(e)
			}
			continue
		}
		names := make([]string, 0, len(known))
		for name := range known {
			names = append(names, name)
		}
		slices.Sort(names)
		p := t.ds.warn(e.at, "unknown field %q is left out", e.key)
		if near := mesh.Nearest(e.key, names); near != "" {
			p.Hint = fmt.Sprintf("did you mean %q?", near)
		}
	}
}

func (t *translation) fault(at place, format string, args ...any) *mesh.Problem {
	return t.ds.fault(at, at.field, format, args...)
}

// within makes a step down into a map.
func (t *translation) within(known fields) func(entry) {
	return func(e entry) { t.walk(e.value, known) }
}

// as takes a value over into the function under a path of keys.
func (t *translation) as(path ...string) func(entry) {
	return func(e entry) { t.set(e, e.value, path...) }
}

// set puts a value into the function, at the place of the entry it comes from.
func (t *translation) set(from entry, value *node, path ...string) {
	last := len(path) - 1
	t.f.in(from.at, path[:last]...).put(entry{path[last], from.at, value})
}

// none is for fields of which nothing is to be done: notes of the tool that
// wrote the document, and what is read elsewhere.
func (t *translation) none(entry) {}

// leftOut warns that a field has no counterpart, with the way out.
func (t *translation) leftOut(why, hint string) func(entry) {
	return func(e entry) {
		switch v := e.value; v.kind {
		case scalar:
			if v.value == "" || v.value == "false" {
				return
			}
		default:
			if len(v.items)+len(v.entries) == 0 {
				return
			}
		}
		t.ds.warn(e.at, "is left out: %s", why).Hint = hint
	}
}

// each does something with every item of a list.
func (t *translation) each(do func(*node)) func(entry) {
	return func(e entry) {
		if e.value.kind != list {
			t.fault(e.at, "%s is not a list", e.value.describe())
			return
		}
		for _, item := range e.value.items {
			if item.kind != mapping {
				t.fault(item.at, "%s is not a map of fields", item.describe())
				continue
			}
			do(item)
		}
	}
}
