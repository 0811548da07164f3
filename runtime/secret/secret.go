// Package secret reads from the secret stores that a mesh declares.
//
//	token, err := secret.Get(ctx, "vault", "payment-token")
//
// A secret that a function always needs is better declared in its `env`, with
// secretKeyRef. Nothing is cached: keep what is needed for each event.
package secret

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/dapr"
)

// Errors to test for with errors.Is. They never hold a secret. A handler may
// return them as they are: the event is tried again.
var (
	// ErrNotFound: the store has no such secret.
	ErrNotFound = component.ErrNotFound
	// ErrNoStore: the mesh has no such secret store for this function.
	ErrNoStore = component.ErrNotDeclared
	// ErrDenied: the function may not read this secret.
	ErrDenied = component.ErrDenied
	// ErrUnavailable: the engine does not answer.
	ErrUnavailable = component.ErrUnavailable
	// ErrNoEngine: the function runs without an engine, and its context is not
	// that of a fntest harness.
	ErrNoEngine = component.ErrNoEngine
)

// Get returns the value of a secret. Of one with several values it is the one
// named as the secret itself.
func Get(ctx context.Context, store, key string) (string, error) {
	values, err := GetAll(ctx, store, key)
	if err != nil {
		return "", err
	}
	if v, ok := values[key]; ok {
		return v, nil
	}
	if len(values) == 1 {
		for _, v := range values {
			return v, nil
		}
	}
	return "", fmt.Errorf("secret store %s: get %q: it has several values (%s): use GetAll", store, key, strings.Join(slices.Sorted(maps.Keys(values)), ", "))
}

// GetAll returns all values of a secret, by name; a secret with one value has
// it under its own name.
func GetAll(ctx context.Context, store, key string) (map[string]string, error) {
	call := fmt.Sprintf("secret store %s: get %q", store, key)
	if store == "" || key == "" {
		return nil, fmt.Errorf("%s: %w", call, errors.New("store and key must have names"))
	}
	c, err := dapr.From(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", call, err)
	}
	values, err := c.Secret(ctx, store, key)
	if err != nil {
		return nil, err
	}
	if len(values) == 0 {
		return nil, &component.Error{Call: call, Kind: ErrNotFound}
	}
	return values, nil
}
