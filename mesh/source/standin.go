package source

import (
	"fmt"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// standIn is a kind of document that is no FunctionMesh but can stand for one
// of a single function, where the mesh file has none. Its translation is a
// tree of a FunctionMesh made of the document's own nodes: what is wrong with
// them is found by what reads every mesh, and is reported at their places.
type standIn struct {
	// is says whether a document of the mesh file is of this kind.
	is func(*node) bool
	// mesh translates it. Faults are added to the documents' problems; after
	// one that leaves no mesh it returns nil.
	mesh func(*documents, *node) *node
}

// standIns are tried in order; a further kind of document goes here, with its
// translation in a file of its own.
var standIns = []standIn{
	{is: isFuncYAML, mesh: (*documents).funcYAML},         // funcyaml.go
	{is: isOpenFunction, mesh: (*documents).openFunction}, // openfunction.go
}

// standsFor returns what translates the document, or nil.
func standsFor(n *node) func(*documents, *node) *node {
	for _, s := range standIns {
		if s.is(n) {
			return s.mesh
		}
	}
	return nil
}

// stand lets the document that can stand for the mesh do so.
func (ds *documents) stand() {
	for _, n := range ds.standing[1:] {
		ds.fault(n.at, "", "a second function; the first is in %s on line %d", ds.standing[0].at.file, ds.standing[0].at.line).Hint =
			"keep one function per file, or write a mesh that names both"
	}
	first := ds.standing[0]
	first.labelled("")
	ds.mesh = standsFor(first)(ds, first)
}

// warn reports what is left out at a place of a document that stands for a
// mesh.
func (ds *documents) warn(at place, format string, args ...any) *mesh.Problem {
	p := ds.fault(at, at.field, format, args...)
	p.Severity = mesh.Warning
	return p
}

// labelled notes at every node below n the path that it has in its document,
// under which its author knows it wherever it is moved to.
func (n *node) labelled(path string) {
	n.at.field = path
	for i := range n.entries {
		e := &n.entries[i]
		e.at.field = join(path, e.key)
		e.value.labelled(e.at.field)
	}
	for i, item := range n.items {
		item.labelled(fmt.Sprintf("%s[%d]", path, i))
	}
}

// The parts that a translation is made of. Each has the place of what it comes
// from.

func textAt(at place, value string) *node {
	return &node{kind: scalar, tag: "!!str", value: value, at: at}
}

func numberAt(at place, value int64) *node {
	return &node{kind: scalar, tag: "!!int", value: fmt.Sprint(value), at: at}
}

func mapAt(at place, entries ...entry) *node {
	return &node{kind: mapping, entries: entries, at: at}
}

func listAt(at place, items ...*node) *node {
	return &node{kind: list, items: items, at: at}
}

// field is an entry whose key has the place of its value.
func field(key string, value *node) entry { return entry{key: key, at: value.at, value: value} }

// in returns the map at a path of keys, which is made where it is missing.
func (n *node) in(at place, keys ...string) *node {
	for _, k := range keys {
		next := n.find(k)
		if next == nil {
			next = mapAt(at)
			n.put(entry{key: k, at: at, value: next})
		}
		n = next
	}
	return n
}

// meshOf is the mesh of one function, which has its name.
func meshOf(doc, name, function *node) *node {
	return mapAt(doc.at,
		field("apiVersion", textAt(doc.at, apiVersions[kindMesh][0])),
		field("kind", textAt(doc.at, v1beta1.Kind)),
		field("metadata", mapAt(doc.at, field("name", name))),
		field("spec", mapAt(doc.at, field("functions", listAt(doc.at, function)))),
	)
}
