package components

import (
	"fmt"
	"strings"

	"github.com/weftmesh/weft/mesh"
)

// separator stands between prefix and key in a store (daprd's
// pkg/components/state).
const separator = "||"

// prefix says what stands before a key: a strategy of Dapr's keyPrefix.
type prefix struct {
	strategy, component, namespace string
}

// newPrefix reads keyPrefix. Like daprd it takes it in lower case, a literal
// too.
func newPrefix(text, component string, p *mesh.Plan) (prefix, error) {
	if text == "" {
		text = p.Name
	}
	text = strings.ToLower(text)
	if strings.Contains(text, separator) {
		return prefix{}, fmt.Errorf("keyPrefix %q must not contain %q", text, separator)
	}
	return prefix{strategy: text, component: component, namespace: p.Namespace}, nil
}

func (p prefix) before(f *mesh.Function) string {
	switch p.strategy {
	case "none":
		return ""
	case "name":
		return p.component + separator
	case "appid":
		return f.Service + separator
	case "namespace":
		if p.namespace == "" {
			return f.Service + separator
		}
		return p.namespace + "." + f.Service + separator
	}
	return p.strategy + separator
}

// Key is the key under which the store keeps a function's key, by the
// component's keyPrefix: appid, name, namespace, none, or a literal; the mesh's
// name if it sets none. A key that holds "||" is an error (Dapr's rule).
func (s *State) Key(f *mesh.Function, key string) (string, error) {
	if strings.Contains(key, separator) {
		return "", fmt.Errorf("input key/keyPrefix '%s' can't contain '%s'", key, separator)
	}
	return s.prefix.before(f) + key, nil
}

// Owns says whether a key that the store keeps has the prefix that a function's
// keys have.
func (s *State) Owns(f *mesh.Function, stored string) bool {
	return strings.HasPrefix(stored, s.prefix.before(f))
}

// Trim takes the prefix off a key that the store keeps.
func (s *State) Trim(stored string) string {
	if s.prefix.strategy == "none" {
		return stored
	}
	if _, key, ok := strings.Cut(stored, separator); ok {
		return key
	}
	return stored
}
