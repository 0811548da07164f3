// Package binding calls the output bindings that a mesh declares: mail servers,
// databases, HTTP APIs, brokers.
//
//	_, err := binding.Invoke(ctx, "email", "create", "your order is on its way", map[string]string{
//		"emailTo": order.Email, "subject": "order " + order.ID,
//	})
//
// Which operations there are, which metadata they take and what they answer is
// the component's: see its page in Dapr's reference. A handler that is called
// again invokes again: where a second time does harm, note in a state store
// what has been done.
package binding

import (
	"context"
	"errors"
	"fmt"

	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/dapr"
)

// Errors to test for with errors.Is. A handler may return them as they are: the
// event is tried again.
var (
	// ErrNoBinding: the mesh has no such binding, or does not declare it for
	// this function: add `bindings: [name]` to it in the mesh file.
	ErrNoBinding = component.ErrNotDeclared
	// ErrTooLarge: the data is more than a call of the Dapr API takes, 4 MiB.
	ErrTooLarge = component.ErrTooLarge
	// ErrUnavailable: the engine does not answer. What the binding reaches
	// being unavailable is an error of the component's own words.
	ErrUnavailable = component.ErrUnavailable
	// ErrNoEngine: the function runs without an engine, and its context is not
	// that of a fntest harness.
	ErrNoEngine = component.ErrNoEngine
)

// Result is what a binding answered; which of it there is depends on the
// component and the operation.
type Result struct {
	Data     []byte
	Metadata map[string]string
}

// Invoke calls an operation of a binding. Data is sent as JSON; a []byte or
// string as it is; nil is none.
func Invoke(ctx context.Context, name, operation string, data any, metadata map[string]string) (Result, error) {
	i := component.Invocation{Name: name, Operation: operation, Metadata: metadata}
	var err error
	switch d := data.(type) {
	case nil:
	case string:
		i.Data = []byte(d)
	default:
		if i.Data, err = component.Encode(d); err != nil {
			err = fmt.Errorf("the data is not JSON-able: %w", err)
		}
	}
	if name == "" || operation == "" {
		err = errors.New("binding and operation must have names")
	}
	var c *component.Client
	if err == nil {
		c, err = dapr.From(ctx)
	}
	if err != nil {
		return Result{}, fmt.Errorf("binding %s: %s: %w", name, operation, err)
	}
	r, err := c.Invoke(ctx, i)
	return Result(r), err
}

// InvokeAs is Invoke for bindings that answer with JSON, or with text if T is
// string, or bytes if it is []byte. No data gives the zero value.
func InvokeAs[T any](ctx context.Context, name, operation string, data any, metadata map[string]string) (T, error) {
	var v T
	r, err := Invoke(ctx, name, operation, data, metadata)
	if err != nil {
		return v, err
	}
	if err := component.Decode(r.Data, &v); err != nil {
		return v, fmt.Errorf("binding %s: %s: the answer is no %T: %w", name, operation, v, err)
	}
	return v, nil
}
