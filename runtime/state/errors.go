package state

import (
	"fmt"

	"github.com/weftmesh/weft/runtime/internal/component"
)

// Errors to test for with errors.Is. What is returned wraps them, and names
// the store, the key and the way out.
var (
	// ErrConflict: the key has changed since its etag was read, or exists
	// where it must not. From Update and Transaction: still so after all
	// attempts.
	ErrConflict = component.ErrConflict
	// ErrNoStore: the mesh has no such store, or does not declare it for this
	// function: add `state: [name]` to it in the mesh file.
	ErrNoStore = component.ErrNotDeclared
	// ErrTooLarge: a value, or the values of one SetMany or Transaction, are
	// more than a call of the Dapr API takes, 4 MiB.
	ErrTooLarge = component.ErrTooLarge
	// ErrUnsupported: the store has no transactions, which Transaction needs, and
	// SetMany for more than one key.
	ErrUnsupported = component.ErrUnsupported
	// ErrUnavailable: the engine does not answer.
	ErrUnavailable = component.ErrUnavailable
	// ErrNoEngine: the function runs without an engine, and its context is not
	// that of a fntest harness.
	ErrNoEngine = component.ErrNoEngine
)

// fail says in which call an error occurred that no backend made.
func fail(store, what string, err error) error {
	return fmt.Errorf("state %s: %s: %w", store, what, err)
}
