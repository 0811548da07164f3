package source

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/weftmesh/weft/mesh"
)

// Bounds of what is read. A mesh of hundreds of functions stays far below
// them; an alias bomb does not get far.
const (
	maxFileSize = 4 << 20
	maxNodes    = 200_000
	maxDepth    = 100
)

type kind int

const (
	null kind = iota
	scalar
	mapping
	list
)

// node is a YAML node with aliases and merge keys resolved, which knows where
// it was written: a tree may be merged from several files.
type node struct {
	kind kind
	// tag of a scalar, such as !!str or !!int, and its text.
	tag, value string
	// bare says that a scalar is written without quotes.
	bare    bool
	entries []entry
	items   []*node
	at      place
}

type entry struct {
	key   string
	at    place
	value *node
}

type place struct {
	file         string
	line, column int
	// field is the path in a document that stands for a mesh; "" where it is
	// the mesh's own.
	field string
}

func (n *node) find(key string) *node {
	if n == nil {
		return nil
	}
	for i := range n.entries {
		if n.entries[i].key == key {
			return n.entries[i].value
		}
	}
	return nil
}

// put sets a key, in place if it is there.
func (n *node) put(e entry) {
	for i := range n.entries {
		if n.entries[i].key == e.key {
			n.entries[i] = e
			return
		}
	}
	n.entries = append(n.entries, e)
}

// text returns the string at a path of keys, "" if there is none.
func (n *node) text(keys ...string) string {
	for _, k := range keys {
		n = n.find(k)
	}
	if n == nil || n.kind != scalar {
		return ""
	}
	return n.value
}

// parse reads the documents of a file. Empty documents are left out.
func parse(file string, data []byte) ([]*node, mesh.Problems) {
	if len(data) > maxFileSize {
		return nil, mesh.Problems{{File: file, Message: fmt.Sprintf("is %d bytes long, more than %d", len(data), maxFileSize)}}
	}
	var docs []*node
	var problems mesh.Problems
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var y yaml.Node
		err := dec.Decode(&y)
		if errors.Is(err, io.EOF) {
			return docs, problems
		}
		if err != nil {
			return docs, append(problems, syntaxProblem(file, data, err))
		}
		c := converter{file: file, open: make(map[*yaml.Node]bool)}
		n := c.convert(&y, "", 0)
		problems = append(problems, c.problems...)
		if n.kind != null && !c.full {
			docs = append(docs, n)
		}
	}
}

type converter struct {
	file     string
	nodes    int
	full     bool
	open     map[*yaml.Node]bool
	problems mesh.Problems
}

func (c *converter) fault(at place, path, format string, args ...any) *mesh.Problem {
	c.problems = append(c.problems, mesh.Problem{
		File: at.file, Line: at.line, Column: at.column, Path: path, Message: fmt.Sprintf(format, args...),
	})
	return &c.problems[len(c.problems)-1]
}

// tooMuch reports once that a bound is passed and stops the conversion.
func (c *converter) tooMuch(at place, depth int) bool {
	c.nodes++
	if !c.full && (c.nodes > maxNodes || depth > maxDepth) {
		c.full = true
		c.fault(at, "", "the document is too large: more than %d values, counting each alias in full, or %d levels", maxNodes, maxDepth)
	}
	return c.full
}

func (c *converter) convert(y *yaml.Node, path string, depth int) *node {
	n := &node{at: place{file: c.file, line: y.Line, column: y.Column}}
	if c.tooMuch(n.at, depth) {
		return n
	}
	switch y.Kind {
	case yaml.DocumentNode:
		if len(y.Content) == 1 {
			return c.convert(y.Content[0], path, depth)
		}
	case yaml.ScalarNode:
		n.tag, n.value, n.bare = y.ShortTag(), y.Value, y.Style == 0
		if n.tag != "!!null" {
			n.kind = scalar
		}
	case yaml.SequenceNode:
		n.kind = list
		for i, item := range y.Content {
			n.items = append(n.items, c.convert(item, fmt.Sprintf("%s[%d]", path, i), depth+1))
		}
	case yaml.MappingNode:
		n.kind = mapping
		c.mapping(n, y, path, depth)
	case yaml.AliasNode:
		if c.open[y.Alias] {
			c.fault(n.at, path, "the alias *%s stands inside of what it names", y.Value)
			return n
		}
		c.open[y.Alias] = true
		// The place of the anchor: it is where the text stands that is to be
		// mended.
		n = c.convert(y.Alias, path, depth+1)
		delete(c.open, y.Alias)
	}
	return n
}

func (c *converter) mapping(n *node, y *yaml.Node, path string, depth int) {
	var merges []*node
	c.open[y] = true
	defer delete(c.open, y)
	for i := 0; i+1 < len(y.Content); i += 2 {
		k, v := y.Content[i], y.Content[i+1]
		at := place{file: c.file, line: k.Line, column: k.Column}
		if k.ShortTag() == "!!merge" {
			merges = append(merges, c.convert(v, path, depth+1))
			continue
		}
		if k.Kind == yaml.AliasNode {
			k = k.Alias
		}
		if k.Kind != yaml.ScalarNode {
			c.fault(at, path, "a key must be plain text")
			continue
		}
		if n.find(k.Value) != nil {
			c.fault(at, join(path, k.Value), "the key %q is here twice; the first is on line %d", k.Value, n.lineOf(k.Value))
			continue
		}
		n.entries = append(n.entries, entry{key: k.Value, at: at, value: c.convert(v, join(path, k.Value), depth+1)})
	}
	for _, m := range merges {
		c.merge(n, m, path)
	}
}

// merge adds what a merge key (<<) brings; a key that n has itself stays.
func (c *converter) merge(n, from *node, path string) {
	switch from.kind {
	case mapping:
		for _, e := range from.entries {
			if n.find(e.key) == nil {
				n.entries = append(n.entries, e)
			}
		}
	case list:
		for _, item := range from.items {
			c.merge(n, item, path)
		}
	default:
		c.fault(from.at, path, "the merge key << takes a map or a list of maps")
	}
}

func (n *node) lineOf(key string) int {
	for _, e := range n.entries {
		if e.key == key {
			return e.at.line
		}
	}
	return 0
}
