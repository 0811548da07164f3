package dapr

import (
	"context"
	"errors"
	"fmt"
	"strconv"
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
	e := classify("state "+store+": "+what, err)
	if e.Kind == component.ErrNotDeclared {
		e.Hint = fmt.Sprintf("add `state: [%s]` to the function in the mesh file, and see that a component has that name", store)
	}
	return e
}

func pubsubError(name, topic string, err error) error {
	e := classify("pubsub "+name+": publish to "+strconv.Quote(topic), err)
	if e.Kind == component.ErrNotDeclared {
		e.Hint = fmt.Sprintf("see that the mesh has a pub/sub component %s, and that its scopes name the function", name)
	}
	return e
}

func bindingError(name, operation string, err error) error {
	e := classify("binding "+name+": "+operation, err)
	if e.Kind == component.ErrNotDeclared {
		e.Hint = fmt.Sprintf("add `bindings: [%s]` to the function in the mesh file, and see that a component has that name", name)
	}
	return e
}

func secretError(store, key string, err error) error {
	e := classify("secret store "+store+": get "+strconv.Quote(key), err)
	switch {
	case e.Kind == component.ErrNotDeclared:
		e.Hint = fmt.Sprintf("see that the mesh has a secret store %s, and that its scopes name the function", store)
	case e.Kind == nil && strings.Contains(e.Err.Error(), "not found"):
		e.Kind = component.ErrNotFound // as secretstores.local.file and Kubernetes say
	}
	return e
}

// classify finds out what an error of the API means. The cause is what the
// server said, without what client and gRPC put around it.
func classify(call string, err error) *component.Error {
	e := &component.Error{Call: call, Err: err}
	s, ok := grpcStatus(err)
	if !ok {
		e.Kind = conflict(err.Error())
		return e
	}
	e.Err = cause{s}
	text := s.Message()
	switch s.Code() {
	case codes.Aborted:
		e.Kind = component.ErrConflict
	case codes.Unavailable:
		e.Kind = component.ErrUnavailable
		e.Hint = "see that the engine runs; the call may be tried again"
	case codes.ResourceExhausted:
		if strings.Contains(text, "larger than max") {
			e.Kind = component.ErrTooLarge
		}
	case codes.PermissionDenied, codes.Unauthenticated:
		e.Kind = component.ErrDenied
	case codes.Unimplemented:
		e.Kind = component.ErrUnsupported
	case codes.InvalidArgument, codes.FailedPrecondition, codes.NotFound:
		if notDeclared(s) {
			e.Kind = component.ErrNotDeclared
		}
	case codes.Internal:
		if e.Kind = conflict(text); e.Kind == nil && notDeclared(s) {
			e.Kind = component.ErrNotDeclared
		}
	}
	return e
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
// this function, by Dapr's error codes (docs.dapr.io, "Error codes") and,
// where there is none, by its words.
func notDeclared(s *status.Status) bool {
	for _, d := range s.Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			switch r := info.GetReason(); {
			case strings.Contains(r, "STORE_NOT_FOUND"), strings.Contains(r, "NOT_CONFIGURED"), strings.Contains(r, "PUBSUB_NOT_FOUND"):
				return true
			}
		}
	}
	text := s.Message()
	for _, words := range []string{"is not configured", "is not found", "couldn't find output binding", "failed finding secret store"} {
		if strings.Contains(text, words) {
			return true
		}
	}
	return strings.HasPrefix(text, "pubsub '") && strings.HasSuffix(text, "' not found")
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
