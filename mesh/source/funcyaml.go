package source

import (
	"path/filepath"
)

// FuncFile is the name of the file in which Knative's func keeps a function's
// configuration.
const FuncFile = "func.yaml"

// isFuncYAML recognises the one document of a func.yaml, which has neither
// kind nor apiVersion.
func isFuncYAML(n *node) bool {
	return n.find("kind") == nil && n.find("apiVersion") == nil &&
		(filepath.Base(n.at.file) == FuncFile || n.find("specVersion") != nil && n.find("runtime") != nil)
}

// funcYAML makes a mesh of a func.yaml, with its function alone: its code is
// beside the file, and every path leads to it, as it does on a cluster.
func (ds *documents) funcYAML(doc *node) *node {
	name := doc.find("name")
	if name == nil {
		ds.fault(doc.at, "name", "is missing").Hint = "write name: followed by the function's name"
		return nil
	}
	f := mapAt(doc.at, field("name", name), field("source", textAt(doc.at, ".")))
	f.put(field("triggers", listAt(doc.at, mapAt(doc.at,
		field("type", textAt(doc.at, "http")),
		field("path", textAt(doc.at, "/")),
	))))
	if image := doc.find("image"); image != nil {
		f.put(entry{"image", image.at, image})
	}
	return meshOf(doc, name, f)
}
