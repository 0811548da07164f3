package component

import (
	"errors"
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
