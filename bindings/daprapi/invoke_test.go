package daprapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	commonv1 "github.com/dapr/dapr/pkg/proto/common/v1"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
)

// pricer tells what it was asked.
func pricer(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/teapot" {
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, "short and stout")
		return
	}
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "text/x-price")
	w.Header().Set("X-Answer", "yes")
	w.Header().Set("Connection", "close")
	w.WriteHeader(http.StatusAccepted)
	_, _ = fmt.Fprintf(w, "%s %s?%s %s %s %s %s", r.Method, r.URL.Path, r.URL.RawQuery, body,
		r.Header.Get("Dapr-Caller-App-Id"), r.Header.Get("X-Ask"), r.Header.Get("Dapr-Api-Token"))
}

func withFunctions(c *Config) {
	c.Functions = handlers{pricing: pricer, orders: pricer}
}

func TestInvokeOverHTTP(t *testing.T) {
	h := start(t, withFunctions)
	for name, tc := range map[string]struct {
		reason       string
		method, path string
		headers      []string
		want         string
	}{
		"by path":        {"the app id in the path", "POST", "/v1.0/invoke/test-pricing/method/a/b?x=1", nil, "POST /a/b?x=1 body test-place-order ask "},
		"by name":        {"as written", "GET", "/v1.0/invoke/pricing/method/a", nil, "GET /a? body test-place-order ask "},
		"with namespace": {"of this namespace", "PUT", "/v1.0/invoke/pricing.shop/method/a", nil, "PUT /a? body test-place-order ask "},
		"root":           {"no method", "POST", "/v1.0/invoke/pricing/method/", nil, "POST /? body test-place-order ask "},
		"escaped":        {"unescaped on its way", "POST", "/v1.0/invoke/pricing/method/a%20b", nil, "POST /a b? body test-place-order ask "},
		"by header":      {"the whole path is the method", "PATCH", "/prices/1?q", []string{"dapr-app-id", "pricing"}, "PATCH /prices/1?q body test-place-order ask "},
		"by basic auth":  {"dapr-app-id:pricing", "POST", "/prices", []string{"Authorization", "Basic ZGFwci1hcHAtaWQ6cHJpY2luZw=="}, "POST /prices? body test-place-order ask "},
		"itself":         {"no one else calls", "POST", "/v1.0/invoke/placeOrder/method/a", nil, "POST /a? body  ask "},
		"outside":        {"nothing leads out of the root", "POST", "/v1.0/invoke/pricing/method/%2e%2e/%2e%2e/a", nil, "POST /a? body test-place-order ask "},
	} {
		t.Run(name, func(t *testing.T) {
			got := h.do(orders, tc.method, tc.path, "body", append(tc.headers, "X-Ask", "ask")...)
			if got.Status != http.StatusAccepted || got.Body != tc.want || got.Header.Get("X-Answer") != "yes" || got.Header.Get("Content-Type") != "text/x-price" {
				t.Errorf("%s: got %v, want %q", tc.reason, got, tc.want)
			}
		})
	}
	if got := h.do(orders, "POST", "/v1.0/invoke/pricing/method/teapot", ""); got.Status != http.StatusTeapot || got.Body != "short and stout" {
		t.Errorf("the function's status is the answer's: %v", got)
	}
}

func TestInvokeFaults(t *testing.T) {
	h := start(t, withFunctions)
	for name, tc := range map[string]struct {
		reason, function, target, method string
		status                           int
		grpc                             codes.Code
		message                          string
	}{
		"unknown":    {"not in the mesh", orders, "ghost", "m", 500, codes.Internal, "failed to invoke, id: ghost, err: couldn't find service: ghost: the mesh test has no such function"},
		"namespace":  {"of another namespace", orders, "pricing.prod", "m", 500, codes.Internal, "failed to invoke, id: pricing.prod, err: couldn't find service: pricing.prod"},
		"forbidden":  {"guest declares no call", guest, "pricing", "m", 403, codes.PermissionDenied, "failed to invoke, id: pricing, err: access control policy has denied access: guest may not call pricing; list test.pricing in its calls"},
		"backwards":  {"pricing does not call back", pricing, "placeOrder", "m", 403, codes.PermissionDenied, "failed to invoke, id: placeOrder, err: access control policy has denied access: pricing may not call placeOrder; list test.place-order"},
		"bad method": {"no path holds it", orders, "pricing", "a%23b", 500, codes.Internal, "failed to invoke, id: pricing, err: rpc error: code = InvalidArgument desc = invalid method: method contains forbidden character"},
		"not up":     {"no replica", guest, "guest", "m", 500, codes.Internal, "failed to invoke, id: guest, err: no replica of guest starts"},
	} {
		t.Run(name, func(t *testing.T) {
			got := h.do(tc.function, "POST", "/v1.0/invoke/"+tc.target+"/method/"+tc.method, "")
			var e struct{ Message string }
			_ = json.Unmarshal([]byte(got.Body), &e)
			if got.Status != tc.status || got.errorCode() != "ERR_DIRECT_INVOKE" || !strings.HasPrefix(e.Message, tc.message) {
				t.Errorf("%s: got %v, want %d %q", tc.reason, got, tc.status, tc.message)
			}
			c, ctx := h.raw(tc.function)
			_, err := c.InvokeService(ctx, &runtimev1.InvokeServiceRequest{
				Id: tc.target, Message: &commonv1.InvokeRequest{Method: strings.ReplaceAll(tc.method, "%23", "#")},
			})
			if st := status.Convert(err); st.Code() != tc.grpc || !strings.HasPrefix(st.Message(), tc.message) {
				t.Errorf("%s: over gRPC: got %v, want %v %q", tc.reason, st, tc.grpc, tc.message)
			}
		})
	}
}

func TestInvokeOverGRPC(t *testing.T) {
	h := start(t, withFunctions)
	data, err := h.client(orders).InvokeMethodWithCustomContent(context.Background(), "test-pricing", "a?x=1", "post", "application/json", map[string]int{"n": 1})
	if err != nil {
		t.Fatal(err)
	}
	if want := `POST /a?x=1 {"n":1} test-place-order  `; string(data) != want {
		t.Errorf("through the go-sdk: got %q, want %q", data, want)
	}
	c, ctx := h.raw(orders)
	ctx = metadata.AppendToOutgoingContext(ctx, "x-ask", "ask")
	var header metadata.MD
	resp, err := c.InvokeService(ctx, &runtimev1.InvokeServiceRequest{Id: "pricing", Message: &commonv1.InvokeRequest{
		Method: "a", Data: &anypb.Any{Value: []byte("body")}, HttpExtension: &commonv1.HTTPExtension{Verb: commonv1.HTTPExtension_PUT},
	}}, grpc.Header(&header))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("PUT /a? body test-place-order ask ", string(resp.Data.Value)); diff != "" {
		t.Error(diff)
	}
	for key, want := range map[string]string{"dapr-http-status": "202", "x-answer": "yes", "dapr-content-type": "text/x-price", "connection": ""} {
		if got := strings.Join(header.Get(key), ","); got != want {
			t.Errorf("header %s: got %q, want %q", key, got, want)
		}
	}
	_, err = c.InvokeService(ctx, &runtimev1.InvokeServiceRequest{Id: "pricing", Message: &commonv1.InvokeRequest{Method: "teapot"}})
	st := status.Convert(err)
	if st.Code() != codes.Unknown || st.Message() != "I'm a teapot" || len(st.Details()) != 1 {
		t.Fatalf("a status of the function: %v", st)
	}
	info := st.Details()[0].(*errdetails.ErrorInfo)
	if diff := cmp.Diff(map[string]string{"http.code": "418", "http.error_message": "short and stout"}, info.Metadata); diff != "" {
		t.Error(diff)
	}
}

// TestInvokeStreams proves that what a function has sent arrives before it has
// sent all: the handler waits until the test has it.
func TestInvokeStreams(t *testing.T) {
	got := make(chan struct{})
	h := start(t, func(c *Config) {
		c.Functions = handlers{pricing: func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "first")
			<-got
			_, _ = io.WriteString(w, "second")
		}}
	})
	req, err := http.NewRequest("GET", h.http+"/v1.0/invoke/pricing/method/m", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(headerToken, tokenOf(orders))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	first := make([]byte, len("first"))
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "first" {
		t.Fatalf("%q, %v", first, err)
	}
	close(got)
	rest, err := io.ReadAll(resp.Body)
	if err != nil || string(rest) != "second" {
		t.Errorf("%q, %v", rest, err)
	}
}
