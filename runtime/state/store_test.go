package state_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/daprtest"
	"github.com/weftmesh/weft/runtime/state"
)

// each runs a test against the memory of a harness, and against the same
// memory through gRPC and the client of go-sdk, as a function reaches it.
func each(t *testing.T, f func(t *testing.T, h *fntest.Harness, ctx context.Context)) {
	t.Run("memory", func(t *testing.T) {
		t.Parallel()
		h := fntest.New(t)
		f(t, h, h.Context())
	})
	t.Run("grpc", func(t *testing.T) {
		t.Parallel()
		h := fntest.New(t)
		f(t, h, overGRPC(t, h)())
	})
}

// overGRPC returns contexts in each of which the harness's components are
// reached as by a process of its own.
func overGRPC(t testing.TB, h *fntest.Harness) func() context.Context {
	client := daprtest.Serve(t, component.From(h.Context()).Backend)
	return func() context.Context { return component.With(h.Context(), client("token")) }
}

func TestStore(t *testing.T) {
	each(t, func(t *testing.T, h *fntest.Harness, ctx context.Context) {
		if _, found, err := stock.Get(ctx, "lamp"); found || err != nil {
			t.Fatalf("a key that is not there: %v, %v", found, err)
		}
		want := Stock{Available: 3, Reserved: map[string]int{"o": 1}}
		if err := stock.Set(ctx, "lamp", want); err != nil {
			t.Fatal(err)
		}
		got, found, err := stock.Get(ctx, "lamp")
		if err != nil || !found {
			t.Fatalf("Get = %v, %v", found, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		h.SetState("order-state", "sofa", Stock{Available: 1})
		many, err := stock.GetMany(ctx, "sofa", "none", "lamp")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(map[string]Stock{"lamp": want, "sofa": {Available: 1}}, many); diff != "" {
			t.Errorf("GetMany: -want +got:\n%s", diff)
		}
		if many, err := stock.GetMany(ctx); err != nil || len(many) != 0 {
			t.Errorf("GetMany of nothing = %v, %v", many, err)
		}
		if err := stock.Delete(ctx, "lamp"); err != nil {
			t.Fatal(err)
		}
		if err := stock.Delete(ctx, "lamp"); err != nil {
			t.Errorf("to delete what is not there: %v", err)
		}
		if diff := cmp.Diff([]string{"sofa"}, h.StateKeys("order-state")); diff != "" {
			t.Errorf("keys -want +got:\n%s", diff)
		}
	})
}

func TestValues(t *testing.T) {
	each(t, func(t *testing.T, h *fntest.Harness, ctx context.Context) {
		if err := state.Of[[]byte]("s").Set(ctx, "bytes", []byte{0, 255}); err != nil {
			t.Fatal(err)
		}
		if err := state.Of[string]("s").Set(ctx, "text", "a"); err != nil {
			t.Fatal(err)
		}
		if got := fntest.StateAs[[]byte](h, "s", "bytes"); string(got) != "\x00\xff" {
			t.Errorf("bytes are stored as %q", got)
		}
		if got := fntest.StateAs[[]byte](h, "s", "text"); string(got) != `"a"` {
			t.Errorf("a string is stored as %q", got)
		}
		if got, _, err := state.Of[string]("s").Get(ctx, "text"); got != "a" || err != nil {
			t.Errorf("Get = %q, %v", got, err)
		}
		h.SetState("s", "list", []byte("[1,2]"))
		if _, _, err := stock.Get(ctx, "list"); err != nil {
			t.Errorf("another store has the key: %v", err)
		}
		_, _, err := state.Of[Stock]("s").Get(ctx, "list")
		if err == nil || !strings.Contains(err.Error(), `state s: get "list": what is stored is no state_test.Stock`) {
			t.Errorf("what does not fit: %v", err)
		}
	})
}

func TestConditions(t *testing.T) {
	each(t, func(t *testing.T, h *fntest.Harness, ctx context.Context) {
		h.SetState("order-state", "there", Stock{Available: 1})
		item, err := stock.GetItem(ctx, "there")
		if err != nil || !item.Found || item.ETag == "" {
			t.Fatalf("GetItem = %+v, %v", item, err)
		}
		cases := []struct {
			reason   string
			call     func() error
			conflict bool
		}{
			{"a key that exists", func() error { return stock.Set(ctx, "there", Stock{}, state.IfMissing()) }, true},
			{"a key that does not", func() error { return stock.Set(ctx, "new", Stock{}, state.IfMissing()) }, false},
			{"it does now", func() error { return stock.Set(ctx, "new", Stock{}, state.IfMissing()) }, true},
			{"an etag of no key", func() error { return stock.Set(ctx, "none", Stock{}, state.IfMatch(item.ETag)) }, true},
			{"the etag that it has", func() error { return stock.Set(ctx, "there", Stock{Available: 2}, state.IfMatch(item.ETag)) }, false},
			{"the etag that it had", func() error { return stock.Set(ctx, "there", Stock{Available: 3}, state.IfMatch(item.ETag)) }, true},
			{"the same, to delete", func() error { return stock.Delete(ctx, "there", state.IfMatch(item.ETag)) }, true},
		}
		for _, tc := range cases {
			if err := tc.call(); errors.Is(err, state.ErrConflict) != tc.conflict || !tc.conflict && err != nil {
				t.Errorf("%s: %v", tc.reason, err)
			}
		}
		if item, err = stock.GetItem(ctx, "there"); err != nil || item.Value.Available != 2 {
			t.Fatalf("GetItem = %+v, %v", item, err)
		}
		if err := stock.Delete(ctx, "there", state.IfMatch(item.ETag)); err != nil {
			t.Error(err)
		}
	})
}

func TestSetMany(t *testing.T) {
	each(t, func(t *testing.T, h *fntest.Harness, ctx context.Context) {
		h.SetState("order-state", "there", Stock{Available: 1})
		cases := []struct {
			reason string
			values map[string]Stock
			opts   []state.SetOption
			want   error
			keys   []string // afterwards
		}{
			{"nothing is nothing to do", nil, nil, nil, []string{"there"}},
			{"one of them exists, and none is written", map[string]Stock{"a": {}, "there": {}}, []state.SetOption{state.IfMissing()}, state.ErrConflict, []string{"there"}},
			{"none of them exists", map[string]Stock{"a": {Available: 2}, "b": {Available: 3}}, []state.SetOption{state.IfMissing()}, nil, []string{"a", "b", "there"}},
			{"whatever was there before", map[string]Stock{"a": {Available: 4}, "c": {Available: 5}}, nil, nil, []string{"a", "b", "c", "there"}},
			{"one is as Set", map[string]Stock{"c": {}}, []state.SetOption{state.IfMissing()}, state.ErrConflict, []string{"a", "b", "c", "there"}},
			{"for a time", map[string]Stock{"d": {}, "e": {}}, []state.SetOption{state.TTL(time.Hour)}, nil, []string{"a", "b", "c", "d", "e", "there"}},
		}
		for _, tc := range cases {
			if err := stock.SetMany(ctx, tc.values, tc.opts...); !errors.Is(err, tc.want) {
				t.Errorf("%s: %v, want %v", tc.reason, err, tc.want)
			}
			if diff := cmp.Diff(tc.keys, h.StateKeys("order-state")); diff != "" {
				t.Errorf("%s: keys -want +got:\n%s", tc.reason, diff)
			}
		}
		got, err := stock.GetMany(ctx, "there", "a", "b", "c")
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]Stock{"there": {Available: 1}, "a": {Available: 4}, "b": {Available: 3}, "c": {Available: 5}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		h.Advance(2 * time.Hour)
		if diff := cmp.Diff([]string{"a", "b", "c", "there"}, h.StateKeys("order-state")); diff != "" {
			t.Errorf("after the time: -want +got:\n%s", diff)
		}
	})
}

func TestTTL(t *testing.T) {
	each(t, func(t *testing.T, h *fntest.Harness, ctx context.Context) {
		if err := stock.Set(ctx, "brief", Stock{}, state.TTL(59500*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if err := stock.Update(ctx, "updated", func(*Stock) error { return nil }, state.TTL(time.Hour)); err != nil {
			t.Fatal(err)
		}
		h.Advance(59 * time.Second)
		if diff := cmp.Diff([]string{"brief", "updated"}, h.StateKeys("order-state")); diff != "" {
			t.Errorf("before the time, which is rounded up: -want +got:\n%s", diff)
		}
		h.Advance(2 * time.Second)
		if diff := cmp.Diff([]string{"updated"}, h.StateKeys("order-state")); diff != "" {
			t.Errorf("after it: -want +got:\n%s", diff)
		}
		if err := stock.Set(ctx, "brief", Stock{}, state.IfMissing()); err != nil {
			t.Errorf("a key that expired is missing: %v", err)
		}
		// An update that changes nothing renews the time.
		if err := stock.Update(ctx, "updated", func(*Stock) error { return nil }, state.TTL(3*time.Hour)); err != nil {
			t.Fatal(err)
		}
		h.Advance(2 * time.Hour)
		if diff := cmp.Diff([]string{"brief", "updated"}, h.StateKeys("order-state")); diff != "" {
			t.Errorf("renewed: -want +got:\n%s", diff)
		}
	})
}

// TestErrors: what a handler meets, and what it reads.
func TestErrors(t *testing.T) {
	get := func(ctx context.Context) error { _, _, err := stock.Get(ctx, "k"); return err }
	set := func(ctx context.Context) error { return stock.Set(ctx, "k", Stock{}) }
	del := func(ctx context.Context) error { return stock.Delete(ctx, "k") }
	many := func(ctx context.Context) error { _, err := stock.GetMany(ctx, "a", "b"); return err }
	update := func(ctx context.Context) error {
		return stock.Update(ctx, "k", func(s *Stock) error { s.Available++; return nil })
	}
	transact := func(ctx context.Context) error {
		return state.Transaction(ctx, "order-state", []string{"a", "b"}, func(tx *state.Tx) error {
			return errors.Join(stock.In(tx).Set("a", Stock{}), stock.In(tx).Set("b", Stock{}))
		})
	}
	setMany := func(ctx context.Context) error { return stock.SetMany(ctx, map[string]Stock{"a": {}, "b": {}}) }
	large := func(ctx context.Context) error {
		return state.Of[string]("order-state").Set(ctx, "k", strings.Repeat("x", 5<<20))
	}
	own := errors.New("own fault")
	cases := map[string]struct {
		reason string
		fault  error
		call   func(context.Context) error
		is     error
		text   []string
	}{
		"get, not declared": {"the way out is named", state.ErrNoStore, get, state.ErrNoStore,
			[]string{`state order-state: get "k": not declared for this function`, "add `state: [order-state]` to the function in the mesh file"}},
		"set, not declared":    {"as get", state.ErrNoStore, set, state.ErrNoStore, []string{`set "k"`, "add `state:"}},
		"delete, not declared": {"as get", state.ErrNoStore, del, state.ErrNoStore, []string{`delete "k"`, "add `state:"}},
		"many, not declared":   {"as get", state.ErrNoStore, many, state.ErrNoStore, []string{"get 2 keys", "add `state:"}},
		"update, not declared": {"as get", state.ErrNoStore, update, state.ErrNoStore, []string{`get "k"`, "add `state:"}},
		"transaction":          {"as get", state.ErrNoStore, transact, state.ErrNoStore, []string{"get 2 keys", "add `state:"}},
		"set many":             {"as get", state.ErrNoStore, setMany, state.ErrNoStore, []string{"transaction of 2 writes", "add `state:"}},
		"unavailable":          {"an engine that is gone", state.ErrUnavailable, get, state.ErrUnavailable, []string{"see that the engine runs"}},
		"conflict":             {"whoever was first", state.ErrConflict, set, state.ErrConflict, []string{"changed by another in the meantime"}},
		"conflict, deleting":   {"whoever was first", state.ErrConflict, del, state.ErrConflict, nil},
		"no SetMany":           {"some stores have no transactions", state.ErrUnsupported, setMany, state.ErrUnsupported, nil},
		"no transactions":      {"some stores have none", state.ErrUnsupported, transact, state.ErrUnsupported, nil},
		"too large":            {"the limit of the API", nil, large, state.ErrTooLarge, []string{`set "k"`, "larger than the limit"}},
		"the store's":          {"what the store says is told", own, set, nil, []string{`state order-state: set "k"`, "own fault"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, h *fntest.Harness, ctx context.Context) {
				if tc.fault != nil {
					h.FailNext("order-state", -1, tc.fault)
				}
				err := tc.call(ctx)
				if err == nil || tc.is != nil && !errors.Is(err, tc.is) {
					t.Fatalf("%s: %v, want %v", tc.reason, err, tc.is)
				}
				for _, text := range tc.text {
					if !strings.Contains(err.Error(), text) {
						t.Errorf("%s: %q lacks %q", tc.reason, err, text)
					}
				}
			})
		})
	}
}

func TestMisuse(t *testing.T) {
	h := fntest.New(t)
	ctx := h.Context()
	cases := map[string]struct {
		reason string
		err    error
		text   string
	}{
		"no key":         {"Dapr refuses an empty key", stock.Set(ctx, "", Stock{}), "the key is empty"},
		"one of several": {"Dapr refuses an empty key", second(stock.GetMany(ctx, "a", "")), "the key is empty"},
		"no etag":        {"an item that was not found has none", stock.Set(ctx, "k", Stock{}, state.IfMatch("")), "use IfMissing"},
		"no etag to go":  {"an item that was not found has none", stock.Delete(ctx, "k", state.IfMatch("")), "IfMatch has no etag"},
		"both":           {"a key cannot be both", stock.Set(ctx, "k", Stock{}, state.IfMissing(), state.IfMatch("1")), "exclude each other"},
		"both, turned":   {"a key cannot be both", stock.Set(ctx, "k", Stock{}, state.IfMatch("1"), state.IfMissing()), "exclude each other"},
		"no key of many": {"Dapr refuses an empty key", stock.SetMany(ctx, map[string]Stock{"a": {}, "": {}}), "the key is empty"},
		"one for many":   {"an etag is one key's", stock.SetMany(ctx, map[string]Stock{"a": {}, "b": {}}, state.IfMatch("1")), "IfMatch is for one key"},
		"no time":        {"0 would mean for ever", stock.Set(ctx, "k", Stock{}, state.TTL(0)), "a TTL must be positive"},
		"no time, again": {"0 would mean for ever", stock.Update(ctx, "k", nil, state.TTL(-1)), "a TTL must be positive"},
		"no JSON":        {"a value must be storable", state.Of[func()]("s").Set(ctx, "k", func() {}), "not JSON-able"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.err == nil || !strings.Contains(tc.err.Error(), tc.text) {
				t.Errorf("%s: %v, want %q", tc.reason, tc.err, tc.text)
			}
		})
	}
	if keys := h.StateKeys("order-state"); len(keys) != 0 {
		t.Errorf("written: %v", keys)
	}
}

func second[T any](_ T, err error) error { return err }

func TestNoEngine(t *testing.T) {
	t.Setenv("DAPR_GRPC_ENDPOINT", "")
	t.Setenv("DAPR_GRPC_PORT", "")
	for name, err := range map[string]error{
		"get":         second(stock.GetItem(t.Context(), "k")),
		"update":      stock.Update(t.Context(), "k", func(*Stock) error { return nil }),
		"transaction": state.Transaction(t.Context(), "order-state", []string{"k"}, func(*state.Tx) error { return nil }),
	} {
		if !errors.Is(err, state.ErrNoEngine) || !strings.Contains(fmt.Sprint(err), "run the function under weft up, or stage its components with fntest") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A handler that returns these errors as they are is called again.
func TestErrorsAreRetried(t *testing.T) {
	for _, fault := range []error{state.ErrConflict, state.ErrUnavailable, state.ErrNoStore, errors.New("disk full")} {
		h := fntest.New(t)
		h.FailNext("order-state", -1, fault)
		fntest.Typed(h, "f", func(ctx context.Context, n int) (int, error) { return n, stock.Set(ctx, "k", Stock{}) })
		if out := h.Deliver(1); out.Kind != fntest.KindRetry {
			t.Errorf("%v: %+v", fault, out)
		}
	}
}
