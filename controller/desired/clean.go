package desired

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// Clean gives an object as it is applied and printed: Go's types write out
// zeroes that nobody set (status, creationTimestamp: null, an empty strategy),
// and whoever applies them would own those fields.
func Clean(obj runtime.Object) (*unstructured.Unstructured, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, fmt.Errorf("%T: %w", obj, err)
	}
	delete(content, "status")
	prune(content)
	return &unstructured.Unstructured{Object: content}, nil
}

// unset are fields whose empty value Go's types write although it says nothing.
// Elsewhere an empty map has a meaning, such as emptyDir: {}.
var unset = map[string]bool{
	"creationTimestamp": true, "strategy": true, "resources": true,
}

// prune takes out what is null, and what is empty and in unset.
func prune(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			prune(value)
			if value == nil || unset[key] && empty(value) {
				delete(v, key)
			}
		}
	case []any:
		for _, item := range v {
			prune(item)
		}
	}
}

func empty(v any) bool {
	m, ok := v.(map[string]any)
	return ok && len(m) == 0
}
