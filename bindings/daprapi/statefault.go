package daprapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/dapr/components-contrib/state"
	"github.com/dapr/dapr/pkg/messages"
	"github.com/dapr/dapr/pkg/messages/errorcodes"
	kiterrors "github.com/dapr/kit/errors"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// noStore is the fault of a state store that the caller does not see, whether
// or not there is one of that name.
func (c *caller) noStore(name string) *fault {
	code, httpStatus, e := codes.InvalidArgument, http.StatusBadRequest, errorcodes.StateStoreNotFound
	text := fmt.Sprintf("state store %s is not found: declare it among the components of the mesh and in state of the function %s", name, c.function.Name)
	if len(c.states) == 0 {
		code, httpStatus, e = codes.FailedPrecondition, http.StatusInternalServerError, errorcodes.StateStoreNotConfigured
		text = fmt.Sprintf("state store %s is not configured: the function %s has no state store; declare one among the components of the mesh and in state of the function", name, c.function.Name)
	}
	f := rich(builder(code, httpStatus, e, text), e, nil)
	// Over HTTP daprd adds who asked.
	f.body = rich(builder(code, httpStatus, e, text), e, map[string]string{"appID": c.appID()}).body
	return f
}

// keySeparator stands between the prefix of a key and the key.
const keySeparator = "||"

// badKey is the fault of a key that no store takes.
func badKey(store, key string, err error) *fault {
	text := err.Error()
	if strings.Contains(key, keySeparator) {
		text = fmt.Sprintf("input key/keyPrefix '%s' can't contain '%s'", key, keySeparator)
	}
	e := errorcodes.StateMalformedRequest
	build := func(text string) *fault {
		return rich(builder(codes.InvalidArgument, http.StatusBadRequest, e, text).
			WithFieldViolation(key, text).
			WithResourceInfo("state", store, "", ""), e, nil)
	}
	f := build(text)
	// Over HTTP daprd wraps the error of the key in another of the same kind.
	f.body = build(f.grpc.(*kiterrors.Error).Error()).body
	return f
}

// storeFault is the fault of a store that failed: an etag that does not match
// is Aborted and 409, one that cannot be right InvalidArgument and 400, a
// standardised error of the component is passed on, and all else is the
// engine's 500.
func storeFault(err error, name errorcodes.ErrorCode, text string, args ...any) *fault {
	withText := func(s string) string { return fmt.Sprintf(text, append(args[:len(args):len(args)], s)...) }
	var etag *state.ETagError
	if errors.As(err, &etag) {
		code, httpStatus := codes.Aborted, http.StatusConflict
		if etag.Kind() == state.ETagInvalid {
			code, httpStatus = codes.InvalidArgument, http.StatusBadRequest
		}
		f := basic(code, httpStatus, name, withText(err.Error()))
		f.body = plain{code: code, name: name, text: withText(etag.Error())}
		return f
	}
	f := basic(codes.Internal, http.StatusInternalServerError, name, withText(err.Error()))
	if kit, ok := kiterrors.FromError(err); ok {
		f.grpc, f.status = kit, kit.HTTPStatusCode()
	}
	return f
}

// bulkGetFault is the fault of a bulk get: over gRPC daprd hands on the error
// as it is.
func bulkGetFault(err error) *fault {
	f := universal(codes.Unknown, http.StatusInternalServerError, errorcodes.StateBulkGet, err.Error())
	if st, ok := status.FromError(err); ok {
		f.grpc = asIs{st}
	}
	if kit, ok := kiterrors.FromError(err); ok {
		f.status = kit.HTTPStatusCode()
	}
	return f
}

// asIs is a status that something else made.
type asIs struct{ st *status.Status }

func (a asIs) GRPCStatus() *status.Status { return a.st }

// unknownOperation is the fault of an operation that no transaction has.
func unknownOperation(kind string) *fault {
	f := basic(codes.Unimplemented, http.StatusBadRequest, errorcodes.StateNotSupportedOperation,
		fmt.Sprintf(messages.ErrNotSupportedStateOperation, kind))
	return f
}

// noTransactions is the fault of a store that has none.
func noTransactions(store string) *fault {
	e := errorcodes.StateStoreTransactionsNotSupported
	return rich(builder(codes.Unimplemented, http.StatusInternalServerError, e,
		fmt.Sprintf("state store %s doesn't support transactions", store)).
		WithHelpLink("https://docs.dapr.io/reference/components-reference/supported-state-stores/", "Check the list of state stores and the features they support").
		WithResourceInfo("state", store, "", ""), e, nil)
}

func tooManyOperations(store string, n, limit int) *fault {
	e := errorcodes.StateStoreTooManyTransactions
	return rich(builder(codes.InvalidArgument, http.StatusBadRequest, e,
		fmt.Sprintf("the transaction contains %d operations, which is more than what the state store supports: %d", n, limit)).
		WithResourceInfo("state", store, "", ""), e,
		map[string]string{"currentOpsTransaction": strconv.Itoa(n), "maxOpsPerTransaction": strconv.Itoa(limit)})
}

// noQueries is the fault of a store that cannot be queried.
func noQueries(store string) *fault {
	e := errorcodes.StateStoreQueryNotSupported
	return rich(builder(codes.Internal, http.StatusInternalServerError, e, "state store does not support querying").
		WithResourceInfo("state", store, "", ""), e, nil)
}

// queryFault is the fault of a query that failed.
func queryFault(store string, err error) *fault {
	if kit, ok := kiterrors.FromError(err); ok {
		return &fault{grpc: kit, body: kit, status: kit.HTTPStatusCode()}
	}
	e := errorcodes.StateQuery
	return rich(builder(codes.Internal, http.StatusInternalServerError, e, fmt.Sprintf("state store %s query failed: %s", store, err.Error())).
		WithResourceInfo("state", store, "", ""), e, nil)
}
