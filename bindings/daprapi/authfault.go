package daprapi

import (
	"net/http"
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// tokenHint follows daprd's text: where the token comes from.
const tokenHint = ": send as " + headerToken + " what the function has as DAPR_API_TOKEN in its environment; weft env FUNCTION prints it"

// unauthenticated is daprd's answer over gRPC to a token that is missing or
// wrong (checkAPITokenInContext in pkg/api/grpc): the status text of 401, and
// what was wrong in an ErrorInfo.
func unauthenticated(token string) error {
	detail := "missing api token in request metadata"
	if token != "" {
		detail = "authentication error: api token mismatch"
	}
	return httpStatusError(codes.Unauthenticated, http.StatusUnauthorized, detail, tokenHint)
}

// maxErrorDetail is how much of a text daprd puts into an ErrorInfo's metadata.
const maxErrorDetail = 63

// httpStatusError is how daprd tells an HTTP status over gRPC; hint follows its
// text.
func httpStatusError(code codes.Code, httpStatus int, detail, hint string) error {
	if len(detail) >= maxErrorDetail {
		detail = detail[:maxErrorDetail]
	}
	text := http.StatusText(httpStatus)
	st := status.New(code, text+hint)
	with, err := st.WithDetails(&errdetails.ErrorInfo{
		Reason: text, Domain: "dapr.io",
		Metadata: map[string]string{"http.code": strconv.Itoa(httpStatus), "http.error_message": detail},
	})
	if err != nil {
		return st.Err()
	}
	return with.Err()
}
