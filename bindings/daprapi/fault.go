package daprapi

import (
	"encoding/json"
	"net/http"

	"github.com/dapr/dapr/pkg/messages/errorcodes"
	kiterrors "github.com/dapr/kit/errors"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// fault is what an operation fails with: an answer over gRPC and one over HTTP,
// as daprd gives them. Its codes, names and texts are those of daprd
// (pkg/api/errors, pkg/messages); where Weft has something to add, it follows
// daprd's text.
type fault struct {
	grpc   interface{ GRPCStatus() *status.Status }
	body   interface{ JSONErrorValue() []byte }
	status int
}

// GRPCStatus has the grpc package answer with it.
func (f *fault) GRPCStatus() *status.Status { return f.grpc.GRPCStatus() }

func (f *fault) Error() string { return f.grpc.GRPCStatus().Message() }

// plain is an answer without details (daprd's messages.APIError).
type plain struct {
	code codes.Code
	name errorcodes.ErrorCode
	text string
}

func (p plain) GRPCStatus() *status.Status { return status.New(p.code, p.text) }

func (p plain) JSONErrorValue() []byte {
	b, err := json.Marshal(struct {
		ErrorCode string `json:"errorCode"`
		Message   string `json:"message"`
	}{p.name.Code, p.text})
	if err != nil {
		return []byte(`{"errorCode":"ERR_INTERNAL","message":"the error cannot be told"}`)
	}
	return b
}

// universal is a fault without details over either protocol.
func universal(code codes.Code, httpStatus int, name errorcodes.ErrorCode, text string) *fault {
	p := plain{code: code, name: name, text: text}
	return &fault{grpc: p, body: p, status: httpStatus}
}

// basic is a fault that over gRPC has an ErrorInfo with the name of the error
// as reason, and over HTTP no details.
func basic(code codes.Code, httpStatus int, name errorcodes.ErrorCode, text string) *fault {
	return &fault{
		grpc: kiterrors.NewBuilder(code, http.StatusInternalServerError, text, "", string(name.Category)).
			WithErrorInfo(name.Code, nil).Build().(*kiterrors.Error),
		body:   plain{code: code, name: name, text: text},
		status: httpStatus,
	}
}

// rich is a fault with details over either protocol. info are the facts of its
// ErrorInfo.
func rich(b *kiterrors.ErrorBuilder, name errorcodes.ErrorCode, info map[string]string) *fault {
	e := b.WithErrorInfo(name.GrpcCode, info).Build().(*kiterrors.Error)
	return &fault{grpc: e, body: e, status: e.HTTPStatusCode()}
}

func builder(code codes.Code, httpStatus int, name errorcodes.ErrorCode, text string) *kiterrors.ErrorBuilder {
	return kiterrors.NewBuilder(code, httpStatus, text, name.Code, string(name.Category))
}
