package daprapi

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestSaveAndGetOverGRPC(t *testing.T) {
	h := start(t, meshText, stores(t))
	ctx := context.Background()
	c := h.client("orders")
	if err := c.SaveState(ctx, "store", "k", []byte("v"), nil); err != nil {
		t.Fatal(err)
	}
	item, err := h.client("pricing").GetState(ctx, "store", "k", nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("v", string(item.Value)); diff != "" {
		t.Error(diff)
	}
}

func TestCallersByToken(t *testing.T) {
	h := start(t, meshText, stores(t))
	for name, tc := range map[string]struct {
		reason   string
		function string
		code     codes.Code
	}{
		"declared":   {"orders declares the store", "orders", codes.OK},
		"undeclared": {"guest has no store at all: as in daprd without state components", "guest", codes.FailedPrecondition},
		"no token":   {"nobody calls without a token", "", codes.Unauthenticated},
		"unknown":    {"a token that no function has", "nobody", codes.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.client(tc.function).GetState(context.Background(), "store", "k", nil)
			if got := status.Code(err); got != tc.code {
				t.Errorf("%s: got %v (%v), want %v", tc.reason, got, err, tc.code)
			}
		})
	}
}
