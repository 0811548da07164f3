package source

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/weftmesh/weft/mesh"
)

// objectOrder is the order in which kinds are applied: what others refer to
// comes first.
var objectOrder = []string{kindSecret, kindConfigMap, kindComponent, kindSubscription, kindMesh}

// Object is a document as it is applied to a cluster.
type Object struct {
	// Content as it was written, Options.Set included, without defaults.
	Content map[string]any
	// At is the document's place, file:line.
	At string
}

// Objects are the documents that a cluster is given, in an order in which they
// can be applied, the mesh last. Components that only the local engine has are
// left out.
func (b *Bundle) Objects() []Object {
	if b.tree == nil {
		return nil
	}
	all := append(slices.Clone(b.others), document{node: b.tree, kind: kindMesh})
	all = slices.DeleteFunc(all, func(d document) bool {
		return d.kind == kindComponent && d.text("spec", "type") == mesh.TypeEmbedded
	})
	slices.SortStableFunc(all, func(x, y document) int {
		return cmp.Compare(slices.Index(objectOrder, x.kind), slices.Index(objectOrder, y.kind))
	})
	var objects []Object
	for _, d := range all {
		content, ok := d.plain().(map[string]any)
		if !ok {
			continue // a document is a map, or it would not count
		}
		objects = append(objects, Object{Content: content, At: fmt.Sprintf("%s:%d", d.at.file, d.at.line)})
	}
	return objects
}
