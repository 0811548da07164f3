package component

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Kinds of errors. The packages that authors import give them names of their
// own.
var (
	ErrConflict    = errors.New("changed by another in the meantime")
	ErrNotDeclared = errors.New("not declared for this function")
	ErrNotFound    = errors.New("not found")
	ErrTooLarge    = errors.New("larger than the limit")
	ErrDenied      = errors.New("not allowed")
	ErrUnsupported = errors.New("not supported by the component")
	ErrUnavailable = errors.New("cannot be reached")
	ErrNoEngine    = errors.New("no engine: DAPR_GRPC_ENDPOINT is not set: run the function under weft up, or stage its components with fntest")
)

// Error is a call that failed.
type Error struct {
	// Call that failed, such as `state order-state: set "k"`.
	Call string
	// Kind is one of the kinds above; nil if it is none of them.
	Kind error
	// Err is the cause; nil if Kind says it all.
	Err error
	// Hint is the way out; "" if there is none to tell.
	Hint string
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Call)
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			b.WriteString(": ")
			b.WriteString(err.Error())
		}
	}
	if e.Hint != "" {
		b.WriteString(": ")
		b.WriteString(e.Hint)
	}
	return b.String()
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// StateError is that of a call of a state store.
func StateError(store, what string, kind, cause error) *Error {
	return (&Error{Call: "state " + store + ": " + what, Kind: kind, Err: cause}).hint(
		fmt.Sprintf("add `state: [%s]` to the function in the mesh file, and see that a component has that name", store))
}

// PubSubError is that of publishing to a topic.
func PubSubError(name, topic string, kind, cause error) *Error {
	return (&Error{Call: "pubsub " + name + ": publish to " + strconv.Quote(topic), Kind: kind, Err: cause}).hint(
		fmt.Sprintf("see that the mesh has a pub/sub component %s, and that its scopes name the function", name))
}

// BindingError is that of an operation of a binding.
func BindingError(name, operation string, kind, cause error) *Error {
	return (&Error{Call: "binding " + name + ": " + operation, Kind: kind, Err: cause}).hint(
		fmt.Sprintf("add `bindings: [%s]` to the function in the mesh file, and see that a component has that name", name))
}

// SecretError is that of reading a secret.
func SecretError(store, key string, kind, cause error) *Error {
	return (&Error{Call: "secret store " + store + ": get " + strconv.Quote(key), Kind: kind, Err: cause}).hint(
		fmt.Sprintf("see that the mesh has a secret store %s, and that its scopes name the function", store))
}

// hint adds the way out: declare is that for a component that is not declared.
func (e *Error) hint(declare string) *Error {
	switch e.Kind {
	case ErrNotDeclared:
		e.Hint = declare
	case ErrUnavailable:
		e.Hint = "see that the engine runs; the call may be tried again"
	case ErrTooLarge:
		e.Hint = "keep large values outside and store where they are"
	}
	return e
}
