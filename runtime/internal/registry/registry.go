// Package registry holds the functions that a program registers.
package registry

import (
	"fmt"
	"slices"
	"sync"

	"github.com/weftmesh/weft/runtime/host"
	"github.com/weftmesh/weft/runtime/internal/names"
)

var (
	mu        sync.Mutex
	functions []host.Function
)

// Add registers a function. It panics if the name is empty, or means the same
// function as one that is registered.
func Add(f host.Function) {
	mu.Lock()
	defer mu.Unlock()
	if f.Name == "" {
		panic("fn: a function is registered without a name; use the name that the mesh file gives it")
	}
	for _, other := range functions {
		if names.Same(other.Name, f.Name) {
			panic(fmt.Sprintf("fn: function %q is registered twice (the other time as %q)", f.Name, other.Name))
		}
	}
	functions = append(functions, f)
}

// All returns the functions registered so far, in order.
func All() []host.Function {
	mu.Lock()
	defer mu.Unlock()
	return slices.Clone(functions)
}
