package dapr

import (
	"context"
	"errors"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/unary"
)

func TestClassify(t *testing.T) {
	cases := map[string]struct {
		reason string
		err    error
		want   error
	}{
		"etag": {"daprd: an etag that does not match", fault(unary.Aborted, "failed saving state in state store s: possible etag mismatch. error from state store"), component.ErrConflict},
		"transaction": {"daprd: every fault of a transaction is Internal", fault(unary.Internal,
			"error while executing state transaction: possible etag mismatch. error from state store"), component.ErrConflict},
		"redis set": {"state.redis: a key that exists", fault(unary.Internal,
			"failed saving state in state store s: failed to set key m||k: ERR user_script:14: failed to set key m||k script: d9, on @user_script:14."), component.ErrConflict},
		"redis 6": {"as Redis 6 says it", fault(unary.Internal,
			"error while executing state transaction: ERR Error running script (call to f_1): @user_script:9: user_script:9: failed to delete m||k"), component.ErrConflict},
		"redis gone":        {"a server that is gone is no conflict", fault(unary.Internal, "failed saving state in state store s: failed to set key k: dial tcp 127.0.0.1:6379: connection refused"), nil},
		"no store":          {"a store that is not there", fault(unary.InvalidArgument, "state store s is not found"), component.ErrNotDeclared},
		"no stores":         {"no store at all", fault(unary.FailedPrecondition, "state store s is not configured"), component.ErrNotDeclared},
		"reason":            {"by Dapr's error code, whatever the words", detailed(t, codes.InvalidArgument, "DAPR_STATE_NOT_FOUND"), component.ErrNotDeclared},
		"no topics":         {"no pub/sub at all", detailed(t, codes.FailedPrecondition, "DAPR_PUBSUB_NOT_CONFIGURED"), component.ErrNotDeclared},
		"no pubsub":         {"one that is not there", fault(unary.NotFound, "pubsub 'p' not found"), component.ErrNotDeclared},
		"no binding":        {"one that is not there", fault(unary.Internal, "error invoking output binding b: couldn't find output binding b"), component.ErrNotDeclared},
		"no secrets":        {"one that is not there", fault(unary.InvalidArgument, "failed finding secret store with key s"), component.ErrNotDeclared},
		"bad request":       {"what else is wrong with a call", fault(unary.InvalidArgument, "input key/keyPrefix 'a||b' can't contain '||'"), nil},
		"forbidden":         {"a topic out of scope", fault(unary.PermissionDenied, "topic t is not allowed for app id a"), component.ErrDenied},
		"token":             {"an engine of another run", fault(unary.Unauthenticated, "invalid token"), component.ErrDenied},
		"unimplemented":     {"a store without transactions", fault(unary.Unimplemented, "state store s doesn't support transactions"), component.ErrUnsupported},
		"gone":              {"an engine that is gone", fault(unary.Unavailable, "connection refused"), component.ErrUnavailable},
		"large":             {"gRPC's bound", fault(unary.ResourceExhausted, "grpc: received message larger than max (5 vs. 4)"), component.ErrTooLarge},
		"exhausted":         {"another bound", fault(unary.ResourceExhausted, "too many requests"), nil},
		"other":             {"whatever else a store says", fault(unary.Internal, "disk full"), nil},
		"of one key":        {"bulk reads have errors by key", storeFault("disk full"), nil},
		"of one key, stale": {"bulk reads have errors by key", storeFault("possible etag mismatch"), component.ErrConflict},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			kind, cause := classify(tc.err)
			if kind != tc.want {
				t.Errorf("%s: %v, want %v", tc.reason, kind, tc.want)
			}
			if strings.Contains(cause.Error(), "rpc error") {
				t.Errorf("%s: %q speaks of gRPC", tc.reason, cause)
			}
			if err := component.StateError("s", "get", kind, cause); !errors.Is(err, tc.err) {
				t.Errorf("%s: %v is not what the server said", tc.reason, err)
			}
		})
	}
}

func fault(code unary.Code, text string) error { return &unary.Status{Code: code, Message: text} }

// detailed is a fault as daprd sends it, with its error code in the details.
func detailed(t *testing.T, code codes.Code, reason string) error {
	t.Helper()
	s, err := status.New(code, "in other words").WithDetails(&errdetails.RequestInfo{RequestId: "1"}, &errdetails.ErrorInfo{Reason: reason, Domain: "dapr.io"})
	if err != nil {
		t.Fatal(err)
	}
	details, err := proto.Marshal(s.Proto())
	if err != nil {
		t.Fatal(err)
	}
	return &unary.Status{Code: unary.Code(code), Message: s.Message(), Details: details}
}

func TestTimeIsUp(t *testing.T) {
	for code, want := range map[unary.Code]error{unary.DeadlineExceeded: context.DeadlineExceeded, unary.Canceled: context.Canceled} {
		if err := stateError("s", "get", fault(code, "x")); !errors.Is(err, want) {
			t.Errorf("%v is no %v", err, want)
		}
	}
}

func TestSecretNotFound(t *testing.T) {
	err := secretError("vault", "token", fault(unary.Internal, "failed getting secret with key token from secret store vault: secret token not found"))
	if !errors.Is(err, component.ErrNotFound) {
		t.Errorf("%v", err)
	}
}

// FuzzAnswer: whatever comes as a message or as details is read or refused.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(message(nil).inner(1, message(nil).text(1, "k").bytes(2, []byte("v")).text(3, "e").text(4, "fault"))))
	f.Add([]byte(message(nil).number(7, 300).inner(3, message(nil).text(1, typeErrorInfo).inner(2, message(nil).text(1, "WHY")))))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = reason(b)
		var m map[string]string
		_ = fields(b, func(_ protowire.Number, value []byte) error {
			_, err := readBulkItem(value)
			return errors.Join(err, pair(value, &m))
		})
	})
}
