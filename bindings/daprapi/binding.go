package daprapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/dapr/components-contrib/bindings"
	"github.com/dapr/dapr/pkg/messages"
	"github.com/dapr/dapr/pkg/messages/errorcodes"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
)

// invokeBinding has an output binding do something. The answer may be given
// together with an error: some bindings tell metadata of a failure.
func (c *caller) invokeBinding(ctx context.Context, name string, req *bindings.InvokeRequest) (*bindings.InvokeResponse, error) {
	resp, err := c.sendToBinding(ctx, name, req)
	if err != nil {
		return resp, basic(codes.Internal, http.StatusInternalServerError, errorcodes.BindingInvokeOutputBinding,
			fmt.Sprintf(messages.ErrInvokeOutputBinding, name, err.Error()))
	}
	return resp, nil
}

func (c *caller) sendToBinding(ctx context.Context, name string, req *bindings.InvokeRequest) (*bindings.InvokeResponse, error) {
	if req.Operation == "" {
		return nil, errors.New("operation field is missing from request")
	}
	out := c.outputs[name]
	if out == nil {
		return nil, fmt.Errorf("couldn't find output binding %s: declare it among the components of the mesh and in bindings of the function %s", name, c.function.Name)
	}
	if ops := out.Binding.Operations(); !slices.Contains(ops, req.Operation) {
		names := make([]string, len(ops))
		for i, o := range ops {
			names[i] = string(o)
		}
		return nil, fmt.Errorf("binding %s does not support operation %s. supported operations:%s", name, req.Operation, strings.Join(names, " "))
	}
	return out.Binding.Invoke(ctx, req)
}

// InvokeBinding of the gRPC API. What the caller sent as gRPC metadata goes with
// the binding's, which comes first but for the trace (daprd's rule).
func (front) InvokeBinding(ctx context.Context, in *runtimev1.InvokeBindingRequest) (*runtimev1.InvokeBindingResponse, error) {
	incoming, _ := metadata.FromIncomingContext(ctx)
	m := make(map[string]string, len(in.GetMetadata())+len(incoming)+2)
	maps.Copy(m, in.GetMetadata())
	for key, values := range incoming {
		if key == headerToken || len(values) == 0 {
			continue
		}
		name := reservedName(key)
		if _, taken := m[name]; !taken || key == headerTraceParent || key == headerTraceState {
			m[name] = values[0]
		}
	}
	if b := incoming[headerBaggage]; len(b) > 0 {
		m[headerBaggage] = strings.Join(b, ",")
	}
	addTrace(m, traceOf(ctx))
	resp, err := callerOf(ctx).invokeBinding(ctx, in.GetName(), &bindings.InvokeRequest{
		Metadata: m, Data: in.GetData(), Operation: bindings.OperationKind(in.GetOperation()),
	})
	answer := &runtimev1.InvokeBindingResponse{}
	if resp != nil {
		header := make(metadata.MD, len(resp.Metadata))
		for k, v := range resp.Metadata {
			header.Append(metadataPrefix+k, v)
		}
		_ = grpc.SetHeader(ctx, header)
		answer.Data, answer.Metadata = resp.Data, resp.Metadata
	}
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func addTrace(m map[string]string, t trace) {
	if _, ok := m[headerTraceParent]; !ok {
		m[headerTraceParent] = t.parent
	}
	if _, ok := m[headerTraceState]; !ok && t.state != "" {
		m[headerTraceState] = t.state
	}
}

func (c *caller) httpInvokeBinding(w http.ResponseWriter, r *http.Request, name string) error {
	var body struct {
		Metadata  map[string]string `json:"metadata"`
		Data      any               `json:"data"`
		Operation string            `json:"operation"`
	}
	dec := json.NewDecoder(r.Body)
	// Numbers keep all their digits on their way to the binding.
	dec.UseNumber()
	if err := dec.Decode(&body); err != nil {
		return malformed(err)
	}
	data, err := json.Marshal(body.Data)
	if err != nil {
		return universal(codes.InvalidArgument, http.StatusInternalServerError, errorcodes.CommonMalformedRequestData,
			fmt.Sprintf(messages.ErrMalformedRequestData, err))
	}
	if body.Metadata == nil {
		body.Metadata = make(map[string]string, 2)
	}
	t := traceOfRequest(r)
	body.Metadata[headerTraceParent] = t.parent
	if t.state != "" {
		body.Metadata[headerTraceState] = t.state
	}
	if b := r.Header.Values(headerBaggage); len(b) > 0 {
		body.Metadata[headerBaggage] = strings.Join(b, ",")
	}
	resp, err := c.invokeBinding(r.Context(), name, &bindings.InvokeRequest{
		Metadata: body.Metadata, Data: data, Operation: bindings.OperationKind(body.Operation),
	})
	if resp != nil {
		for k, v := range resp.Metadata {
			w.Header().Add(metadataPrefix+k, v)
		}
	}
	switch {
	case err != nil:
		return err
	case resp == nil:
		return answerEmpty(w)
	}
	answerData(w, http.StatusOK, resp.Data)
	return nil
}

// reservedName is the name under which daprd hands on gRPC metadata that HTTP
// and gRPC keep for themselves.
func reservedName(key string) string {
	switch {
	case key == ":method" || key == ":scheme" || key == ":path" || key == ":authority":
		return "dapr-" + key[1:]
	case strings.HasPrefix(key, "grpc-"):
		return "dapr-" + key
	}
	return key
}
