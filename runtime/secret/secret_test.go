package secret_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/daprtest"
	"github.com/weftmesh/weft/runtime/internal/memory"
	"github.com/weftmesh/weft/runtime/secret"
)

// each runs a test against a memory, directly and through gRPC and the client
// of go-sdk.
func each(t *testing.T, f func(t *testing.T, m *memory.Memory, ctx context.Context)) {
	t.Run("memory", func(t *testing.T) {
		m := &memory.Memory{}
		f(t, m, component.With(t.Context(), &component.Client{Backend: m}))
	})
	t.Run("grpc", func(t *testing.T) {
		m := &memory.Memory{}
		f(t, m, component.With(t.Context(), daprtest.Serve(t, m)("")))
	})
}

func TestGet(t *testing.T) {
	each(t, func(t *testing.T, m *memory.Memory, ctx context.Context) {
		m.SetSecret("vault", "token", "token", "t-1")
		m.SetSecret("vault", "single", "value", "s-1")
		m.SetSecret("vault", "database", "user", "ada")
		m.SetSecret("vault", "database", "password", "p-1")
		m.SetSecret("vault", "named", "named", "n-1")
		m.SetSecret("vault", "named", "other", "n-2")
		for key, want := range map[string]string{"token": "t-1", "single": "s-1", "named": "n-1"} {
			if got, err := secret.Get(ctx, "vault", key); got != want || err != nil {
				t.Errorf("Get(%s) = %q, %v; want %q", key, got, err, want)
			}
		}
		_, err := secret.Get(ctx, "vault", "database")
		if err == nil || !strings.Contains(err.Error(), "(password, user): use GetAll") || strings.Contains(err.Error(), "p-1") {
			t.Errorf("several values: %v", err)
		}
		all, err := secret.GetAll(ctx, "vault", "database")
		if diff := cmp.Diff(map[string]string{"user": "ada", "password": "p-1"}, all); diff != "" || err != nil {
			t.Errorf("%v, -want +got:\n%s", err, diff)
		}
		for _, key := range []string{"none", ""} {
			if _, err := secret.Get(ctx, "vault", key); err == nil || key != "" && !errors.Is(err, secret.ErrNotFound) {
				t.Errorf("Get(%q): %v", key, err)
			}
		}
	})
}

func TestErrors(t *testing.T) {
	for want, text := range map[error]string{
		secret.ErrNoStore:     "see that the mesh has a secret store vault",
		secret.ErrDenied:      "not allowed",
		secret.ErrUnavailable: "cannot be reached",
	} {
		each(t, func(t *testing.T, m *memory.Memory, ctx context.Context) {
			m.SetSecret("vault", "token", "token", "t-1")
			m.Fail("vault", 1, want)
			if _, err := secret.Get(ctx, "vault", "token"); !errors.Is(err, want) || !strings.Contains(err.Error(), `secret store vault: get "token": `) || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "t-1") {
				t.Errorf("Get = %v, want %v", err, want)
			}
		})
	}
	t.Setenv("DAPR_GRPC_ENDPOINT", "")
	t.Setenv("DAPR_GRPC_PORT", "")
	if _, err := secret.Get(t.Context(), "vault", "token"); !errors.Is(err, secret.ErrNoEngine) {
		t.Errorf("without an engine: %v", err)
	}
}

// example stands in for the test that an Example is none.
type example struct{ testing.TB }

func (example) Helper()                  {}
func (example) Cleanup(func())           {}
func (example) Failed() bool             { return false }
func (example) Context() context.Context { return context.Background() }

func ExampleGet() {
	h := fntest.New(example{}) // a test has fntest.New(t), and a handler its context from the engine
	h.SetSecret("vault", "payment-token", "t-1")

	token, err := secret.Get(h.Context(), "vault", "payment-token")
	fmt.Println(token, err)
	_, err = secret.Get(h.Context(), "vault", "another")
	fmt.Println(errors.Is(err, secret.ErrNotFound))
	// Output:
	// t-1 <nil>
	// true
}
