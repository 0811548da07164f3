package daprapi

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/dapr/go-sdk/client"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestInvokeBinding(t *testing.T) {
	h := start(t)
	got := h.do(orders, "POST", "/v1.0/bindings/mail", `{"operation":"create","data":{"id": 9007199254740993},"metadata":{"to":"a@b"}}`, "traceparent", parent, "X-Other", "stays")
	if got.Status != http.StatusOK || got.Header.Get("Metadata.sent") != "1" {
		t.Fatal(got)
	}
	var echo struct {
		Data     json.RawMessage
		Metadata map[string]string
	}
	if err := json.Unmarshal([]byte(got.Body), &echo); err != nil {
		t.Fatal(err)
	}
	if string(echo.Data) != `{"id":9007199254740993}` {
		t.Errorf("data: %s", echo.Data)
	}
	if diff := cmp.Diff(map[string]string{"to": "a@b", "traceparent": parent}, echo.Metadata); diff != "" {
		t.Errorf("metadata over HTTP: %s", diff)
	}
	out, err := h.client(orders).InvokeBinding(context.Background(), &client.InvokeBindingRequest{
		Name: "mail", Operation: "create", Data: []byte(`"x"`), Metadata: map[string]string{"to": "a@b"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out.Data, &echo); err != nil {
		t.Fatal(err)
	}
	if echo.Metadata["to"] != "a@b" || echo.Metadata["traceparent"] == "" || out.Metadata["sent"] != "1" {
		t.Errorf("over gRPC: %v, %v", echo.Metadata, out.Metadata)
	}
	if strings.Contains(string(out.Data), tokenOf(orders)) {
		t.Error("the token is between the caller and the API: it must not reach a binding")
	}
	if got := h.do(orders, "PUT", "/v1.0/bindings/mail", `{"operation":"quiet"}`); got.Status != http.StatusNoContent {
		t.Errorf("a binding with nothing to say: %v", got)
	}
}

func TestBindingFaults(t *testing.T) {
	h := start(t)
	for name, tc := range map[string]struct {
		reason, function, binding, operation, message string
	}{
		"unknown":      {"not in the mesh", orders, "nope", "create", "error invoking output binding nope: couldn't find output binding nope"},
		"undeclared":   {"guest does not declare it", guest, "mail", "create", "error invoking output binding mail: couldn't find output binding mail"},
		"no operation": {"what to do is not said", orders, "mail", "", "error invoking output binding mail: operation field is missing from request"},
		"unsupported":  {"the binding cannot", orders, "mail", "explode", "error invoking output binding mail: binding mail does not support operation explode. supported operations:create fail quiet"},
		"failing":      {"the binding's error is told", orders, "mail", "fail", "error invoking output binding mail: mailbox full"},
	} {
		t.Run(name, func(t *testing.T) {
			got := h.do(tc.function, "POST", "/v1.0/bindings/"+tc.binding, `{"operation":"`+tc.operation+`"}`)
			var e struct{ Message string }
			_ = json.Unmarshal([]byte(got.Body), &e)
			if got.Status != 500 || got.errorCode() != "ERR_INVOKE_OUTPUT_BINDING" || !strings.HasPrefix(e.Message, tc.message) {
				t.Errorf("%s: got %v, want %q", tc.reason, got, tc.message)
			}
			if tc.operation == "fail" && got.Header.Get("Metadata.statuscode") != "550" {
				t.Errorf("%s: metadata come with an error: %v", tc.reason, got.Header)
			}
			_, err := h.client(tc.function).InvokeBinding(context.Background(), &client.InvokeBindingRequest{Name: tc.binding, Operation: tc.operation})
			if tc.operation == "" {
				return // The client does not send it.
			}
			if status.Code(err) != codes.Internal || !strings.Contains(err.Error(), tc.message) {
				t.Errorf("%s: over gRPC: %v, want %q", tc.reason, err, tc.message)
			}
		})
	}
	if got := h.do(orders, "POST", "/v1.0/bindings/mail", "{"); got.Status != 400 || got.errorCode() != "ERR_MALFORMED_REQUEST" {
		t.Errorf("a body that is no JSON: %v", got)
	}
}

func TestSecrets(t *testing.T) {
	h := start(t)
	if got := h.do(orders, "GET", "/v1.0/secrets/vault/smtp", ""); got.Status != 200 || strings.TrimSpace(got.Body) != `{"smtp":"hunter2"}` {
		t.Errorf("one over HTTP: %v", got)
	}
	if got := h.do(orders, "GET", "/v1.0/secrets/vault/bulk", ""); got.Status != 200 || strings.TrimSpace(got.Body) != `{"db":{"db":"tiger"},"smtp":{"smtp":"hunter2"}}` {
		t.Errorf("all over HTTP: %v", got)
	}
	c := h.client(orders)
	if m, err := c.GetSecret(context.Background(), "vault", "smtp", nil); err != nil || m["smtp"] != "hunter2" {
		t.Errorf("one over gRPC: %v, %v", m, err)
	}
	if m, err := c.GetBulkSecret(context.Background(), "vault", nil); err != nil || m["db"]["db"] != "tiger" {
		t.Errorf("all over gRPC: %v, %v", m, err)
	}
	for name, tc := range map[string]struct {
		reason, function, store string
		status                  int
		grpc                    codes.Code
		code, message           string
	}{
		"missing":  {"no such secret", orders, "vault", 500, codes.Internal, "ERR_SECRET_GET", "failed getting secret with key nope from secret store vault: "},
		"unknown":  {"no such store", orders, "nope", 401, codes.InvalidArgument, "ERR_SECRET_STORE_NOT_FOUND", "failed finding secret store with key nope"},
		"no store": {"pricing is not in its scopes", pricing, "vault", 500, codes.FailedPrecondition, "ERR_SECRET_STORES_NOT_CONFIGURED", "secret store is not configured"},
	} {
		t.Run(name, func(t *testing.T) {
			got := h.do(tc.function, "GET", "/v1.0/secrets/"+tc.store+"/nope", "")
			var e struct{ Message string }
			_ = json.Unmarshal([]byte(got.Body), &e)
			if got.Status != tc.status || got.errorCode() != tc.code || !strings.HasPrefix(e.Message, tc.message) {
				t.Errorf("%s: got %v, want %d %s %q", tc.reason, got, tc.status, tc.code, tc.message)
			}
			_, err := h.client(tc.function).GetSecret(context.Background(), tc.store, "nope", nil)
			if status.Code(err) != tc.grpc || !strings.Contains(err.Error(), tc.message) {
				t.Errorf("%s: over gRPC: %v, want %v %q", tc.reason, err, tc.grpc, tc.message)
			}
		})
	}
}
