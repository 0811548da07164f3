package controller

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

// exact says whether a list of an object must have no more elements than is
// desired. Deployments are the exception: others may add a container or a
// volume to their pods, and server-side apply lets them.
func exact(o *unstructured.Unstructured) bool { return o.GetKind() != kindDeployment.Kind }

// wholeMaps have no more keys than is desired: one more would select other
// pods.
var wholeMaps = map[string]bool{"selector": true, "matchLabels": true, "podSelector": true}

// contains says whether live has everything that want has. Maps may have more,
// which others or defaults have set; so may lists whose elements have names,
// unless exact, as server-side apply merges these.
func contains(live, want any, exact bool) bool {
	switch want := want.(type) {
	case map[string]any:
		live, ok := live.(map[string]any)
		if !ok {
			return len(want) == 0 && live == nil
		}
		for key, w := range want {
			l, ok := live[key]
			if !ok && !emptyMap(w) || ok && !contains(l, w, exact && key != "metadata") {
				return false
			}
			if m, isMap := l.(map[string]any); isMap && wholeMaps[key] && len(m) != len(w.(map[string]any)) {
				return false
			}
		}
		return true
	case []any:
		live, ok := live.([]any)
		if !ok || len(live) < len(want) {
			return false
		}
		if exact && len(live) != len(want) {
			return false
		}
		if named(want) {
			return containsNamed(live, want, exact)
		}
		if len(live) != len(want) {
			return false
		}
		for i := range want {
			if !contains(live[i], want[i], exact) {
				return false
			}
		}
		return true
	default:
		return equal(live, want)
	}
}

// emptyMap says whether a value is a map without keys, which an API server may
// leave out.
func emptyMap(v any) bool {
	m, ok := v.(map[string]any)
	return ok && len(m) == 0
}

// equal compares scalars; numbers by value, as one side may have been decoded
// from JSON and the other not.
func equal(a, b any) bool {
	x, xok := number(a)
	y, yok := number(b)
	if xok && yok {
		return x == y
	}
	return a == b
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case int64:
		return float64(n), true
	case int32:
		return float64(n), true
	case int:
		return float64(n), true
	case float64:
		return n, true
	}
	return 0, false
}

func named(list []any) bool {
	for _, e := range list {
		m, ok := e.(map[string]any)
		if _, has := m["name"]; !ok || !has {
			return false
		}
	}
	return len(list) > 0
}

func containsNamed(live, want []any, exact bool) bool {
	byName := make(map[any]any, len(live))
	for _, e := range live {
		if m, ok := e.(map[string]any); ok {
			byName[m["name"]] = m
		}
	}
	for _, w := range want {
		l, ok := byName[w.(map[string]any)["name"]]
		if !ok || !contains(l, w, exact) {
			return false
		}
	}
	return true
}
