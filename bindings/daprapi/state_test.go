package daprapi

import (
	"context"
	"net/http"
	"strings"
	"testing"

	commonv1 "github.com/dapr/dapr/pkg/proto/common/v1"
	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
	"github.com/dapr/go-sdk/client"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestStateOverGRPC(t *testing.T) {
	h := start(t)
	ctx := context.Background()
	c := h.client(orders)
	if err := c.SaveState(ctx, "store", "k", []byte("v"), nil); err != nil {
		t.Fatal(err)
	}
	item, err := h.client(pricing).GetState(ctx, "store", "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("v", string(item.Value)); diff != "" {
		t.Errorf("functions of a mesh share a store without keyPrefix: %s", diff)
	}
	if err := c.SaveStateWithETag(ctx, "store", "k", []byte("w"), item.Etag, nil, client.WithConcurrency(client.StateConcurrencyFirstWrite)); err != nil {
		t.Fatal(err)
	}
	err = c.SaveStateWithETag(ctx, "store", "k", []byte("x"), item.Etag, nil, client.WithConcurrency(client.StateConcurrencyFirstWrite))
	if status.Code(err) != codes.Aborted {
		t.Errorf("an etag that is no longer current: %v, want Aborted", err)
	}
	if err := c.DeleteStateWithETag(ctx, "store", "k", &client.ETag{Value: item.Etag}, nil, nil); status.Code(err) != codes.Aborted {
		t.Errorf("delete with an old etag: %v, want Aborted", err)
	}
	if err := c.SaveState(ctx, "store", "ttl", []byte("v"), map[string]string{"ttlInSeconds": "100"}); err != nil {
		t.Fatal(err)
	}
	item, err = c.GetState(ctx, "store", "ttl", nil)
	if err != nil || item.Metadata["ttlExpireTime"] == "" {
		t.Errorf("a value with a time to live tells when it ends: %v, %v", item, err)
	}
	if err := c.SaveBulkState(ctx, "store", &client.SetStateItem{Key: "a", Value: []byte("1")}, &client.SetStateItem{Key: "b", Value: []byte("2")}); err != nil {
		t.Fatal(err)
	}
	err = c.ExecuteStateTransaction(ctx, "store", nil, []*client.StateOperation{
		{Type: client.StateOperationTypeUpsert, Item: &client.SetStateItem{Key: "c", Value: []byte("3")}},
		{Type: client.StateOperationTypeDelete, Item: &client.SetStateItem{Key: "a"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	items, err := c.GetBulkState(ctx, "store", []string{"a", "b", "c"}, nil, 2)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, i := range items {
		got[i.Key] = string(i.Value)
	}
	if diff := cmp.Diff(map[string]string{"a": "", "b": "2", "c": "3"}, got); diff != "" {
		t.Errorf("bulk get after a transaction: %s", diff)
	}
	if err := c.DeleteBulkState(ctx, "store", []string{"b", "c"}, nil); err != nil {
		t.Fatal(err)
	}
	if item, err := c.GetState(ctx, "store", "b", nil); err != nil || item.Value != nil {
		t.Errorf("a deleted key: %v, %v", item, err)
	}
}

func TestKeyPrefix(t *testing.T) {
	h := start(t)
	for _, store := range []string{"store", "other"} {
		if got := h.do(orders, "POST", "/v1.0/state/"+store, `[{"key":"k","value":1}]`); got.Status != http.StatusNoContent {
			t.Fatal(got)
		}
	}
	for name, want := range map[string]string{"store": "test||k", "other": "test-place-order||k"} {
		key, err := h.set.State(name).Key(h.api.function(orders), "k")
		if err != nil || key != want {
			t.Errorf("%s: %q, %v, want %q", name, key, err, want)
		}
	}
}

func TestGRPCFaults(t *testing.T) {
	h := start(t)
	c, ctx := h.raw(orders)
	g, guestCtx := h.raw(guest)
	for name, tc := range map[string]struct {
		reason   string
		call     func() error
		code     codes.Code
		message  string
		info     string
		resource string
	}{
		"unknown store": {
			"a store that the mesh does not have",
			func() error {
				_, err := c.GetState(ctx, &runtimev1.GetStateRequest{StoreName: "nope", Key: "k"})
				return err
			},
			codes.InvalidArgument, "state store nope is not found", "DAPR_STATE_NOT_FOUND", "",
		},
		"no store": {
			"as in daprd without state components",
			func() error {
				_, err := g.GetState(guestCtx, &runtimev1.GetStateRequest{StoreName: "store", Key: "k"})
				return err
			},
			codes.FailedPrecondition, "state store store is not configured", "DAPR_STATE_NOT_CONFIGURED", "",
		},
		"bad key": {
			"the separator is not for keys",
			func() error {
				_, err := c.GetState(ctx, &runtimev1.GetStateRequest{StoreName: "store", Key: "a||b"})
				return err
			},
			codes.InvalidArgument, "input key/keyPrefix 'a||b' can't contain '||'", "DAPR_STATE_ILLEGAL_KEY", "store",
		},
		"empty key": {
			"saved under nothing",
			func() error {
				_, err := c.SaveState(ctx, &runtimev1.SaveStateRequest{StoreName: "store", States: []*commonv1.StateItem{{}}})
				return err
			},
			codes.InvalidArgument, "state key cannot be empty", "ERR_STATE_SAVE", "",
		},
		"failing get": {
			"the store's error is told",
			func() error {
				_, err := c.GetState(ctx, &runtimev1.GetStateRequest{StoreName: "broken", Key: "k"})
				return err
			},
			codes.Internal, "fail to get k from state store broken: disk on fire", "ERR_STATE_GET", "",
		},
		"failing save": {
			"the store's error is told",
			func() error {
				_, err := c.SaveState(ctx, &runtimev1.SaveStateRequest{StoreName: "broken", States: []*commonv1.StateItem{{Key: "k"}}})
				return err
			},
			codes.Internal, "failed saving state in state store broken: disk on fire", "ERR_STATE_SAVE", "",
		},
		"failing delete": {
			"the store's error is told",
			func() error {
				_, err := c.DeleteState(ctx, &runtimev1.DeleteStateRequest{StoreName: "broken", Key: "k"})
				return err
			},
			codes.Internal, "failed deleting state with key k: disk on fire", "ERR_STATE_DELETE", "",
		},
		"no transactions": {
			"the store has none",
			func() error {
				_, err := c.ExecuteStateTransaction(ctx, &runtimev1.ExecuteStateTransactionRequest{StoreName: "broken"})
				return err
			},
			codes.Unimplemented, "state store broken doesn't support transactions", "DAPR_STATE_TRANSACTIONS_NOT_SUPPORTED", "broken",
		},
		"unknown operation": {
			"only upsert and delete are",
			func() error {
				_, err := c.ExecuteStateTransaction(ctx, &runtimev1.ExecuteStateTransactionRequest{
					StoreName: "store", Operations: []*runtimev1.TransactionalStateOperation{{OperationType: "explode", Request: &commonv1.StateItem{Key: "k"}}},
				})
				return err
			},
			codes.Unimplemented, "operation type explode not supported", "ERR_NOT_SUPPORTED_STATE_OPERATION", "",
		},
		"no queries": {
			"the store has none",
			func() error {
				_, err := c.QueryStateAlpha1(ctx, &runtimev1.QueryStateRequest{StoreName: "broken", Query: "{}"})
				return err
			},
			codes.Internal, "state store does not support querying", "DAPR_STATE_QUERYING_NOT_SUPPORTED", "broken",
		},
		"panic": {
			"no panic reaches a client",
			func() error {
				_, err := c.GetState(ctx, &runtimev1.GetStateRequest{StoreName: "plain", Key: "k"})
				return err
			},
			codes.Internal, "/dapr.proto.runtime.v1.Dapr/GetState failed unexpectedly: the log of weft up says where", "", "",
		},
		"too large": {
			"a message above 4 MiB",
			func() error {
				_, err := c.SaveState(ctx, &runtimev1.SaveStateRequest{StoreName: "store", States: []*commonv1.StateItem{{Key: "k", Value: make([]byte, DefaultMaxBody+1)}}})
				return err
			},
			codes.ResourceExhausted, "grpc: received message larger than max", "", "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			st := status.Convert(tc.call())
			if st.Code() != tc.code || !strings.HasPrefix(st.Message(), tc.message) {
				t.Errorf("%s: got %v, want %v %q", tc.reason, st, tc.code, tc.message)
			}
			var info, resource string
			for _, d := range st.Details() {
				switch d := d.(type) {
				case *errdetails.ErrorInfo:
					info = d.Reason
				case *errdetails.ResourceInfo:
					resource = d.ResourceName
				}
			}
			if info != tc.info || resource != tc.resource {
				t.Errorf("%s: details are of %q about %q, want %q about %q", tc.reason, info, resource, tc.info, tc.resource)
			}
		})
	}
}

// TestScopedAway: what a function does not see for its scopes says so.
func TestScopedAway(t *testing.T) {
	h := start(t)
	for _, path := range []string{"/v1.0/secrets/vault/key", "/v1.0/publish/failing/t"} {
		method := "GET"
		if strings.Contains(path, "publish") {
			method = "POST"
		}
		if got := h.do(guest, method, path, ""); !strings.Contains(got.Body, "with scopes that do not leave the function out") {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestCallersByToken(t *testing.T) {
	h := start(t)
	for name, tc := range map[string]struct {
		reason   string
		function string
		code     codes.Code
		status   int
	}{
		"declared":   {"placeOrder declares the store", orders, codes.OK, http.StatusNoContent},
		"undeclared": {"guest has no store at all", guest, codes.FailedPrecondition, http.StatusInternalServerError},
		"no token":   {"nobody calls without a token", "", codes.Unauthenticated, http.StatusUnauthorized},
		"unknown":    {"a token that no function has", "nobody", codes.Unauthenticated, http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.client(tc.function).GetState(context.Background(), "store", "k", nil)
			if got := status.Code(err); got != tc.code {
				t.Errorf("%s: got %v (%v), want %v", tc.reason, got, err, tc.code)
			}
			got := h.do(tc.function, "GET", "/v1.0/state/store/k", "")
			if got.Status != tc.status {
				t.Errorf("%s: got %v, want %d", tc.reason, got, tc.status)
			}
			const hint = "weft env FUNCTION prints it"
			if tc.code == codes.Unauthenticated && (!strings.Contains(err.Error(), hint) || !strings.Contains(got.Body, hint)) {
				t.Errorf("nothing says where the token comes from: %v; %s", err, got.Body)
			}
		})
	}
}
