package dapr

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/weftmesh/weft/runtime/internal/component"
)

func TestClassify(t *testing.T) {
	cases := map[string]struct {
		reason string
		err    error
		want   error
	}{
		"etag": {"daprd: an etag that does not match", status.Error(codes.Aborted, "failed saving state in state store s: possible etag mismatch. error from state store"), component.ErrConflict},
		"transaction": {"daprd: every fault of a transaction is Internal", status.Error(codes.Internal,
			"error while executing state transaction: possible etag mismatch. error from state store"), component.ErrConflict},
		"redis set": {"state.redis: a key that exists", status.Error(codes.Internal,
			"failed saving state in state store s: failed to set key m||k: ERR user_script:14: failed to set key m||k script: d9, on @user_script:14."), component.ErrConflict},
		"redis 6": {"as Redis 6 says it", status.Error(codes.Internal,
			"error while executing state transaction: ERR Error running script (call to f_1): @user_script:9: user_script:9: failed to delete m||k"), component.ErrConflict},
		"redis gone":        {"a server that is gone is no conflict", status.Error(codes.Internal, "failed saving state in state store s: failed to set key k: dial tcp 127.0.0.1:6379: connection refused"), nil},
		"no store":          {"a store that is not there", status.Error(codes.InvalidArgument, "state store s is not found"), component.ErrNotDeclared},
		"no stores":         {"no store at all", status.Error(codes.FailedPrecondition, "state store s is not configured"), component.ErrNotDeclared},
		"reason":            {"by Dapr's error code, whatever the words", reason(t, codes.InvalidArgument, "DAPR_STATE_NOT_FOUND"), component.ErrNotDeclared},
		"no topics":         {"no pub/sub at all", reason(t, codes.FailedPrecondition, "DAPR_PUBSUB_NOT_CONFIGURED"), component.ErrNotDeclared},
		"no pubsub":         {"one that is not there", status.Error(codes.NotFound, "pubsub 'p' not found"), component.ErrNotDeclared},
		"no binding":        {"one that is not there", status.Error(codes.Internal, "error invoking output binding b: couldn't find output binding b"), component.ErrNotDeclared},
		"no secrets":        {"one that is not there", status.Error(codes.InvalidArgument, "failed finding secret store with key s"), component.ErrNotDeclared},
		"bad request":       {"what else is wrong with a call", status.Error(codes.InvalidArgument, "input key/keyPrefix 'a||b' can't contain '||'"), nil},
		"forbidden":         {"a topic out of scope", status.Error(codes.PermissionDenied, "topic t is not allowed for app id a"), component.ErrDenied},
		"token":             {"an engine of another run", status.Error(codes.Unauthenticated, "invalid token"), component.ErrDenied},
		"unimplemented":     {"a store without transactions", status.Error(codes.Unimplemented, "state store s doesn't support transactions"), component.ErrUnsupported},
		"gone":              {"an engine that is gone", status.Error(codes.Unavailable, "connection refused"), component.ErrUnavailable},
		"large":             {"gRPC's bound", status.Error(codes.ResourceExhausted, "grpc: received message larger than max (5 vs. 4)"), component.ErrTooLarge},
		"exhausted":         {"another bound", status.Error(codes.ResourceExhausted, "too many requests"), nil},
		"other":             {"whatever else a store says", status.Error(codes.Internal, "disk full"), nil},
		"of one key":        {"bulk reads have errors by key", storeFault("disk full"), nil},
		"of one key, stale": {"bulk reads have errors by key", storeFault("possible etag mismatch"), component.ErrConflict},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			wrapped := fmt.Errorf("error saving state: %w", tc.err) // as go-sdk does
			kind, cause := classify(wrapped)
			if kind != tc.want {
				t.Errorf("%s: %v, want %v", tc.reason, kind, tc.want)
			}
			if strings.Contains(cause.Error(), "rpc error") {
				t.Errorf("%s: %q speaks of gRPC", tc.reason, cause)
			}
			if s, ok := status.FromError(component.StateError("s", "get", kind, cause)); !errors.As(tc.err, new(storeFault)) && (!ok || s.Code() != status.Code(tc.err)) {
				t.Errorf("%s: it is no gRPC status any more: %v", tc.reason, s)
			}
		})
	}
}

func reason(t *testing.T, code codes.Code, reason string) error {
	t.Helper()
	s, err := status.New(code, "in other words").WithDetails(&errdetails.RequestInfo{RequestId: "1"}, &errdetails.ErrorInfo{Reason: reason, Domain: "dapr.io"})
	if err != nil {
		t.Fatal(err)
	}
	return s.Err()
}

func TestTimeIsUp(t *testing.T) {
	for code, want := range map[codes.Code]error{codes.DeadlineExceeded: context.DeadlineExceeded, codes.Canceled: context.Canceled} {
		if err := stateError("s", "get", status.Error(code, "x")); !errors.Is(err, want) {
			t.Errorf("%v is no %v", err, want)
		}
	}
}

func TestSecretNotFound(t *testing.T) {
	err := secretError("vault", "token", status.Error(codes.Internal, "failed getting secret with key token from secret store vault: secret token not found"))
	if !errors.Is(err, component.ErrNotFound) {
		t.Errorf("%v", err)
	}
}
