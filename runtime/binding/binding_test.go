package binding_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/runtime/binding"
	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/daprtest"
)

// each runs a test against the memory of a harness, directly and through gRPC
// and the client of go-sdk.
func each(t *testing.T, f func(t *testing.T, h *fntest.Harness, ctx context.Context)) {
	t.Run("memory", func(t *testing.T) {
		h := fntest.New(t)
		f(t, h, h.Context())
	})
	t.Run("grpc", func(t *testing.T) {
		h := fntest.New(t)
		f(t, h, component.With(h.Context(), daprtest.Serve(t, component.From(h.Context()).Backend)("")))
	})
}

func TestInvoke(t *testing.T) {
	each(t, func(t *testing.T, h *fntest.Harness, ctx context.Context) {
		for _, data := range []any{nil, "text", []byte{255}, map[string]int{"n": 1}} {
			if r, err := binding.Invoke(ctx, "email", "create", data, map[string]string{"emailTo": "a@example.org"}); err != nil || len(r.Data) > 0 {
				t.Fatalf("Invoke = %v, %v", r, err)
			}
		}
		var sent []string
		for _, i := range h.Bound("email") {
			sent = append(sent, i.Operation+" "+string(i.Data)+" "+i.Metadata["emailTo"])
		}
		if diff := cmp.Diff([]string{"create  a@example.org", "create text a@example.org", "create \xff a@example.org", `create {"n":1} a@example.org`}, sent); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		if got := h.Bound("another"); len(got) > 0 {
			t.Errorf("bound %v", got)
		}
	})
}

func TestInvokeAs(t *testing.T) {
	each(t, func(t *testing.T, h *fntest.Harness, ctx context.Context) {
		h.StubBinding("db", func(i fntest.Invocation) (any, error) {
			switch i.Operation {
			case "query":
				return [][]any{{1, "lamp"}}, nil
			case "fail":
				return nil, errors.New("no such table")
			}
			return nil, nil
		})
		rows, err := binding.InvokeAs[[][]any](ctx, "db", "query", nil, map[string]string{"sql": "select"})
		if diff := cmp.Diff([][]any{{1.0, "lamp"}}, rows); diff != "" || err != nil {
			t.Errorf("%v, -want +got:\n%s", err, diff)
		}
		if rows, err := binding.InvokeAs[[][]any](ctx, "db", "exec", nil, nil); rows != nil || err != nil {
			t.Errorf("no answer: %v, %v", rows, err)
		}
		if text, err := binding.InvokeAs[string](ctx, "db", "query", nil, nil); text != `[[1,"lamp"]]` || err != nil {
			t.Errorf("as text: %q, %v", text, err)
		}
		if _, err := binding.InvokeAs[map[string]int](ctx, "db", "query", nil, nil); err == nil || !strings.Contains(err.Error(), "binding db: query: the answer is no map[string]int") {
			t.Errorf("another type: %v", err)
		}
		if _, err := binding.InvokeAs[int](ctx, "db", "fail", nil, nil); err == nil || !strings.Contains(err.Error(), "no such table") {
			t.Errorf("the component's fault: %v", err)
		}
	})
}

func TestErrors(t *testing.T) {
	cases := map[string]struct {
		reason          string
		fault           error
		name, operation string
		data            any
		is              error
		text            string
	}{
		"not declared": {"the way out is named", binding.ErrNoBinding, "email", "create", nil, binding.ErrNoBinding, "binding email: create: not declared for this function"},
		"unavailable":  {"an engine that is gone", binding.ErrUnavailable, "email", "create", nil, binding.ErrUnavailable, "cannot be reached"},
		"the server's": {"what the component says is told", errors.New("550 no such user"), "email", "create", nil, nil, "550 no such user"},
		"no operation": {"Dapr refuses it", nil, "email", "", nil, nil, "must have names"},
		"no JSON":      {"data must be sendable", nil, "email", "create", func() {}, nil, "not JSON-able"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, h *fntest.Harness, ctx context.Context) {
				if tc.fault != nil {
					h.FailNext("email", 1, tc.fault)
				}
				_, err := binding.Invoke(ctx, tc.name, tc.operation, tc.data, nil)
				if err == nil || tc.is != nil && !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.text) {
					t.Errorf("%s: %v, want %v, %q", tc.reason, err, tc.is, tc.text)
				}
				if got := h.Bound("email"); len(got) != 0 {
					t.Errorf("%s: it reached the binding: %v", tc.reason, got)
				}
			})
		})
	}
}

func TestNoEngine(t *testing.T) {
	t.Setenv("DAPR_GRPC_ENDPOINT", "")
	t.Setenv("DAPR_GRPC_PORT", "")
	if _, err := binding.Invoke(t.Context(), "email", "create", nil, nil); !errors.Is(err, binding.ErrNoEngine) {
		t.Errorf("Invoke = %v", err)
	}
}

// example stands in for the test that an Example is none.
type example struct{ testing.TB }

func (example) Helper()                  {}
func (example) Cleanup(func())           {}
func (example) Failed() bool             { return false }
func (example) Context() context.Context { return context.Background() }

func ExampleInvoke() {
	h := fntest.New(example{}) // a test has fntest.New(t), and a handler its context from the engine
	ctx := h.Context()

	_, err := binding.Invoke(ctx, "email", "create", "your order is on its way", map[string]string{
		"emailTo": "ada@example.org", "subject": "order-1",
	})
	fmt.Println(err, len(h.Bound("email")), h.Bound("email")[0].Metadata["subject"])
	// Output: <nil> 1 order-1
}

func ExampleInvokeAs() {
	h := fntest.New(example{})
	h.StubBinding("rates", func(fntest.Invocation) (any, error) { return map[string]float64{"EUR": 1.1}, nil })

	rates, err := binding.InvokeAs[map[string]float64](h.Context(), "rates", "get", nil, nil)
	fmt.Println(rates["EUR"], err)
	// Output: 1.1 <nil>
}
