package daprapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	commonv1 "github.com/dapr/dapr/pkg/proto/common/v1"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// metadataHTTPStatus tells the HTTP status of the function's answer.
const metadataHTTPStatus = "dapr-http-status"

// InvokeService of the gRPC API: the call of a function by HTTP, its status as
// a gRPC status.
func (front) InvokeService(ctx context.Context, in *runtimev1.InvokeServiceRequest) (*commonv1.InvokeResponse, error) {
	c, m := callerOf(ctx), in.GetMessage()
	if m == nil {
		return nil, status.Error(codes.InvalidArgument, "invoke "+in.GetId()+": the request has no message")
	}
	body := m.GetData().GetValue()
	resp, err := c.invoke(ctx, &invocation{
		target: in.GetId(), method: m.GetMethod(), verb: verb(m.GetHttpExtension()), query: m.GetHttpExtension().GetQuerystring(),
		header: headersOf(ctx, m.GetContentType()), body: bytes.NewReader(body), length: int64(len(body)),
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := readAnswer(resp.Body, c.api.maxBody)
	if err != nil {
		if isBodyTooLarge(err) {
			return nil, status.Error(codes.ResourceExhausted, fmt.Sprintf("failed to invoke, id: %s, err: the answer: %v; call over HTTP, which streams it", in.GetId(), err))
		}
		return nil, c.invokeFault(in.GetId(), err)
	}
	_ = grpc.SetHeader(ctx, answerMetadata(resp))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, httpStatusError(codeOf(resp.StatusCode), resp.StatusCode, string(data), "")
	}
	return &commonv1.InvokeResponse{Data: &anypb.Any{Value: data}, ContentType: resp.Header.Get(headerContentType)}, nil
}

func readAnswer(r io.ReadCloser, limit int) ([]byte, error) {
	return io.ReadAll(&limited{ReadCloser: r, left: limit, limit: limit})
}

func verb(x *commonv1.HTTPExtension) string {
	if v := x.GetVerb(); v != commonv1.HTTPExtension_NONE {
		return v.String()
	}
	return http.MethodPost
}

// headersOf makes HTTP headers of gRPC metadata, as daprd does
// (InternalMetadataToHTTPHeader): what is binary or between two ends stays
// behind.
func headersOf(ctx context.Context, contentType string) http.Header {
	incoming, _ := metadata.FromIncomingContext(ctx)
	h := make(http.Header, len(incoming)+6)
	for key, values := range incoming {
		switch {
		case key == headerToken, key == "content-type", key == "content-length", strings.HasSuffix(key, "-bin"),
			key == headerTraceParent, key == headerTraceState, key == "destination-app-id":
			continue
		}
		name := http.CanonicalHeaderKey(reservedName(key))
		if !hopByHop[name] {
			h[name] = values
		}
	}
	t := traceOf(ctx)
	h["Traceparent"] = []string{t.parent}
	if t.state != "" {
		h["Tracestate"] = []string{t.state}
	}
	if contentType != "" {
		h[headerContentType] = []string{contentType}
	}
	return h
}

// permanent headers are those that gRPC could not tell from its own: they come
// back with the prefix dapr- (daprd's isPermanentHTTPHeader).
var permanent = map[string]bool{
	"Accept": true, "Accept-Charset": true, "Accept-Language": true, "Accept-Ranges": true, "Connection": true, "Keep-Alive": true,
	"Proxy-Connection": true, "Transfer-Encoding": true, "Upgrade": true, "Cache-Control": true, "Content-Type": true,
	"Content-Length": true, "Cookie": true, "Date": true, "Expect": true, "From": true, "Host": true, "If-Match": true,
	"If-Modified-Since": true, "If-None-Match": true, "If-Schedule-Tag-Match": true, "If-Unmodified-Since": true,
	"Max-Forwards": true, "Origin": true, "Pragma": true, "Referer": true, "Via": true, "Warning": true,
}

// answerMetadata makes gRPC metadata of the headers of an answer.
func answerMetadata(resp *http.Response) metadata.MD {
	md := make(metadata.MD, len(resp.Header)+1)
	for k, v := range forwarded(resp.Header) {
		name := strings.ToLower(k)
		switch {
		case strings.HasPrefix(name, "grpc-"), strings.HasSuffix(name, "-bin"):
			continue
		case permanent[k]:
			name = "dapr-" + name
		}
		md[name] = v
	}
	md[metadataHTTPStatus] = []string{strconv.Itoa(resp.StatusCode)}
	return md
}

// codeOf is daprd's mapping of an HTTP status (CodeFromHTTPStatus).
func codeOf(httpStatus int) codes.Code {
	switch httpStatus {
	case http.StatusRequestTimeout:
		return codes.Canceled
	case http.StatusBadRequest:
		return codes.Internal
	case http.StatusGatewayTimeout:
		return codes.DeadlineExceeded
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusConflict:
		return codes.AlreadyExists
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusTooManyRequests:
		return codes.ResourceExhausted
	case http.StatusNotImplemented:
		return codes.Unimplemented
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	}
	return codes.Unknown
}
