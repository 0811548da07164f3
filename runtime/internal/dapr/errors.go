package dapr

import (
	"errors"
	"strings"

	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/unary"
)

// storeFault is an error that a store gave for one of several keys.
type storeFault string

func (e storeFault) Error() string { return string(e) }

func stateError(store, what string, err error) error {
	kind, cause := classify(err)
	return component.StateError(store, what, kind, cause)
}

func pubsubError(name, topic string, err error) error {
	kind, cause := classify(err)
	return component.PubSubError(name, topic, kind, cause)
}

func bindingError(name, operation string, err error) error {
	kind, cause := classify(err)
	return component.BindingError(name, operation, kind, cause)
}

func secretError(store, key string, err error) error {
	kind, cause := classify(err)
	if kind == nil && strings.Contains(cause.Error(), "not found") {
		kind = component.ErrNotFound // as secretstores.local.file and Kubernetes say
	}
	return component.SecretError(store, key, kind, cause)
}

// classify finds out what an error of the API means. The cause is what the
// server said.
func classify(err error) (kind, is error) {
	var s *unary.Status
	if !errors.As(err, &s) {
		return conflict(err.Error()), err
	}
	text := s.Message
	switch s.Code {
	case unary.Aborted:
		kind = component.ErrConflict
	case unary.Unavailable:
		kind = component.ErrUnavailable
	case unary.ResourceExhausted:
		if strings.Contains(text, "larger than max") {
			kind = component.ErrTooLarge
		}
	case unary.PermissionDenied, unary.Unauthenticated:
		kind = component.ErrDenied
	case unary.Unimplemented:
		kind = component.ErrUnsupported
	case unary.InvalidArgument, unary.FailedPrecondition, unary.NotFound:
		kind = notDeclared(s)
	case unary.Internal:
		if kind = conflict(text); kind == nil {
			kind = notDeclared(s)
		}
	}
	return kind, cause{s}
}

// conflict knows refused writes that the API does not answer with Aborted. In
// daprd, each fault of a transaction is Internal, and so is a first write to
// state.redis of a key that exists. The texts are those of components-contrib,
// state/errors.go, and of the script of its state/redis.
func conflict(text string) error {
	script := strings.Contains(text, "user_script") && (strings.Contains(text, "failed to set key") || strings.Contains(text, "failed to delete"))
	if script || strings.Contains(text, "possible etag mismatch") {
		return component.ErrConflict
	}
	return nil
}

// notDeclared knows the answers for a component that is not there, or not for
// this function, by Dapr's error codes (pkg/messages/errorcodes of its
// source) and, where there is none, by its words.
func notDeclared(s *unary.Status) error {
	switch reason(s.Details) {
	case "DAPR_STATE_NOT_FOUND", "DAPR_STATE_NOT_CONFIGURED", "ERR_STATE_STORE_NOT_FOUND", "ERR_STATE_STORE_NOT_CONFIGURED",
		"DAPR_PUBSUB_NOT_FOUND", "DAPR_PUBSUB_TEST_NOT_FOUND", "DAPR_PUBSUB_NOT_CONFIGURED", "ERR_PUBSUB_NOT_FOUND", "ERR_PUBSUB_NOT_CONFIGURED",
		"ERR_SECRET_STORE_NOT_FOUND", "ERR_SECRET_STORES_NOT_CONFIGURED":
		return component.ErrNotDeclared
	}
	text := s.Message
	for _, words := range []string{"is not configured", "is not found", "couldn't find output binding", "failed finding secret store"} {
		if strings.Contains(text, words) {
			return component.ErrNotDeclared
		}
	}
	if strings.HasPrefix(text, "pubsub '") && strings.HasSuffix(text, "' not found") {
		return component.ErrNotDeclared
	}
	return nil
}

// cause is what a server said. It is a context's error where the call's time
// was up.
type cause struct{ *unary.Status }

func (c cause) Error() string {
	if c.Code == unary.Unknown || c.Code == unary.Internal {
		return c.Message
	}
	return c.Status.Error()
}

func (c cause) Unwrap() error { return c.Status }
