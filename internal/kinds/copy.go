package kinds

import (
	"encoding/json"

	"k8s.io/apimachinery/pkg/runtime"
)

// copyOf copies an object by way of JSON, which is all that it is for.
func copyOf[T any, P interface {
	*T
	runtime.Object
}](in P) runtime.Object {
	if in == nil {
		return nil
	}
	text, err := json.Marshal(in)
	if err != nil {
		panic(err) // it is made of plain values
	}
	out := new(T)
	if err := json.Unmarshal(text, out); err != nil {
		panic(err) // it has just been written
	}
	return P(out)
}
