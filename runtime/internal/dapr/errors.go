package dapr

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weftmesh/weft/runtime/internal/component"
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
// server said, without what client and gRPC put around it.
func classify(err error) (kind, is error) {
	s, ok := grpcStatus(err)
	if !ok {
		return conflict(err.Error()), err
	}
	text := s.Message()
	switch s.Code() {
	case codes.Aborted:
		kind = component.ErrConflict
	case codes.Unavailable:
		kind = component.ErrUnavailable
	case codes.ResourceExhausted:
		if strings.Contains(text, "larger than max") {
			kind = component.ErrTooLarge
		}
	case codes.PermissionDenied, codes.Unauthenticated:
		kind = component.ErrDenied
	case codes.Unimplemented:
		kind = component.ErrUnsupported
	case codes.InvalidArgument, codes.FailedPrecondition, codes.NotFound:
		kind = notDeclared(s)
	case codes.Internal:
		if kind = conflict(text); kind == nil {
			kind = notDeclared(s)
		}
	}
	return kind, cause{s}
}

// grpcStatus of an error that came from a server.
func grpcStatus(err error) (*status.Status, bool) {
	var s interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &s) {
		return nil, false
	}
	return s.GRPCStatus(), true
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
func notDeclared(s *status.Status) error {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			switch info.GetReason() {
			case "DAPR_STATE_NOT_FOUND", "DAPR_STATE_NOT_CONFIGURED", "ERR_STATE_STORE_NOT_FOUND", "ERR_STATE_STORE_NOT_CONFIGURED",
				"DAPR_PUBSUB_NOT_FOUND", "DAPR_PUBSUB_TEST_NOT_FOUND", "DAPR_PUBSUB_NOT_CONFIGURED", "ERR_PUBSUB_NOT_FOUND", "ERR_PUBSUB_NOT_CONFIGURED",
				"ERR_SECRET_STORE_NOT_FOUND", "ERR_SECRET_STORES_NOT_CONFIGURED":
				return component.ErrNotDeclared
			}
		}
	}
	text := s.Message()
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

// cause is what a server said. It stays a gRPC status, and is a context's
// error where the call's time was up.
type cause struct{ s *status.Status }

func (c cause) Error() string {
	if c.s.Code() == codes.Unknown || c.s.Code() == codes.Internal {
		return c.s.Message()
	}
	return c.s.Message() + " (" + c.s.Code().String() + ")"
}

func (c cause) GRPCStatus() *status.Status { return c.s }

func (c cause) Is(target error) bool {
	switch c.s.Code() {
	case codes.Canceled:
		return target == context.Canceled
	case codes.DeadlineExceeded:
		return target == context.DeadlineExceeded
	}
	return false
}
