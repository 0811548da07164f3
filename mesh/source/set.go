package source

import (
	"fmt"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// set overrides one field: path=value. What the value does not fit is reported
// when it is decoded.
func (n *node) set(override string) error {
	path, text, ok := strings.Cut(override, "=")
	if !ok {
		return fmt.Errorf("lacks a value; write --set %s=VALUE", override)
	}
	steps, err := parsePath(strings.TrimSpace(path))
	if err != nil {
		return err
	}
	at := place{file: "--set " + override}
	docs, problems := parse(at.file, []byte(text))
	if len(problems) > 0 {
		return fmt.Errorf("%s", problems[0].Message)
	}
	value := &node{}
	if len(docs) > 0 {
		value = docs[0]
	}
	value.moveTo(at)

	for i, s := range steps[:len(steps)-1] {
		next, err := n.step(s, at)
		if err != nil {
			return err
		}
		if next.kind == null {
			next.kind, next.at = mapping, at
			if steps[i+1].isIndex {
				next.kind = list
			}
		}
		n = next
	}
	last, err := n.step(steps[len(steps)-1], at)
	if err != nil {
		return err
	}
	*last = *value
	for i := range n.entries {
		if n.entries[i].value == last {
			n.entries[i].at = at
		}
	}
	return nil
}

// step goes down one step, making the field or the next item of a list if it
// is not there. Merged and aliased nodes may be shared, so what is walked
// through is copied.
func (n *node) step(s step, at place) (*node, error) {
	switch {
	case n.kind == mapping && !s.isIndex:
		for i := range n.entries {
			if n.entries[i].key == s.key {
				n.entries[i].value = n.entries[i].value.copy()
				return n.entries[i].value, nil
			}
		}
		made := &node{at: at}
		n.put(entry{key: s.key, at: at, value: made})
		return made, nil
	case n.kind == list && s.isIndex:
		if s.index == len(n.items) {
			n.items = append(n.items, &node{at: at})
		}
		if s.index < 0 || s.index >= len(n.items) {
			return nil, fmt.Errorf("there is no item %d: the list has %d", s.index, len(n.items))
		}
		n.items[s.index] = n.items[s.index].copy()
		return n.items[s.index], nil
	case n.kind == list:
		var names []string
		for i, item := range n.items {
			name := item.text("name")
			if name == s.key || name != "" && v1beta1.KubeName(name) == s.key {
				n.items[i] = item.copy()
				return n.items[i], nil
			}
			names = append(names, name)
		}
		err := fmt.Errorf("nothing in the list is named %q", s.key)
		if near := mesh.Nearest(s.key, names); near != "" {
			err = fmt.Errorf("%w; did you mean %q?", err, near)
		}
		return nil, err
	}
	return nil, fmt.Errorf("%s has no field %s", n.describe(), s)
}

func (s step) String() string {
	if s.isIndex {
		return fmt.Sprintf("[%d]", s.index)
	}
	return s.key
}

func (n *node) copy() *node {
	c := *n
	c.entries = append([]entry(nil), n.entries...)
	c.items = append([]*node(nil), n.items...)
	return &c
}

func (n *node) moveTo(at place) {
	n.at = at
	for i := range n.entries {
		n.entries[i].at = at
		n.entries[i].value.moveTo(at)
	}
	for _, item := range n.items {
		item.moveTo(at)
	}
}
