package source

import (
	"fmt"
	"strconv"
	"strings"
)

// step is one part of a field path: a key, an index, or, for lists of things
// with a name, that name.
type step struct {
	key     string
	index   int
	isIndex bool
}

// parsePath reads spec.functions[0].env and spec.functions.ingest.env, and
// metadata.labels[a.b/c] for keys with dots.
func parsePath(path string) ([]step, error) {
	var steps []step
	for rest := path; rest != ""; {
		if rest[0] == '[' {
			end := strings.IndexByte(rest, ']')
			if end < 0 {
				return nil, fmt.Errorf("%q lacks a ]", path)
			}
			inner := rest[1:end]
			if n, err := strconv.Atoi(inner); err == nil {
				steps = append(steps, step{index: n, isIndex: true})
			} else {
				steps = append(steps, step{key: strings.Trim(inner, `"'`)})
			}
			rest = strings.TrimPrefix(rest[end+1:], ".")
			continue
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		if end == 0 {
			return nil, fmt.Errorf("%q has an empty part", path)
		}
		steps = append(steps, step{key: rest[:end]})
		rest = rest[end:]
		if strings.HasPrefix(rest, ".") {
			rest = rest[1:]
			if rest == "" {
				return nil, fmt.Errorf("%q ends in a dot", path)
			}
		}
	}
	if len(steps) == 0 {
		return nil, fmt.Errorf("the path is empty")
	}
	return steps, nil
}

// locate returns the place of the field at path, or of its nearest ancestor
// that is written down: of a map's key, of a list's item.
func (n *node) locate(path string) place {
	at := n.at
	steps, err := parsePath(path)
	if err != nil {
		return at
	}
	for _, s := range steps {
		switch {
		case s.isIndex && n.kind == list && s.index >= 0 && s.index < len(n.items):
			n = n.items[s.index]
			at = n.at
		case !s.isIndex && n.kind == mapping:
			found := false
			for _, e := range n.entries {
				if e.key == s.key {
					n, at, found = e.value, e.at, true
					break
				}
			}
			if !found {
				return at
			}
		default:
			return at
		}
	}
	return at
}
