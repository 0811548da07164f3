package fntest_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/runtime/binding"
	"github.com/weftmesh/weft/runtime/fntest"
	"github.com/weftmesh/weft/runtime/pubsub"
	"github.com/weftmesh/weft/runtime/secret"
	"github.com/weftmesh/weft/runtime/state"
)

var visits = state.Of[int]("visits")

func visit(ctx context.Context, who string) (int, error) {
	var n int
	err := visits.Update(ctx, who, func(v *int) error { *v++; n = *v; return nil })
	return n, err
}

// However a function is called, it finds the harness's components.
func TestComponentsOfEachCall(t *testing.T) {
	h := fntest.New(t)
	fntest.Typed(h, "visit", visit)
	fntest.HTTP(h, "page", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := visit(r.Context(), "ada")
		if err != nil {
			t.Error(err)
		}
		fmt.Fprint(w, n)
	}))
	if n, err := visit(h.Context(), "ada"); n != 1 || err != nil {
		t.Errorf("called directly: %d, %v", n, err)
	}
	if n, err := visit(h.ContextOf(fntest.Event(1)), "ada"); n != 2 || err != nil {
		t.Errorf("called with an event: %d, %v", n, err)
	}
	if n := fntest.OutputAs[int](t, h.DeliverTo("visit", "ada")); n != 3 {
		t.Errorf("delivered: %d", n)
	}
	if a := h.Request(http.MethodGet, "/", nil); string(a.Body) != "4" {
		t.Errorf("requested: %s", a.Body)
	}
	if n := fntest.StateAs[int](h, "visits", "ada"); n != 4 {
		t.Errorf("stored: %d", n)
	}
}

// Tests that run at the same time share nothing, though the store is a
// variable of the package.
func TestHarnessesShareNothing(t *testing.T) {
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			h := fntest.New(t)
			for range 20 {
				if _, err := visit(h.Context(), "ada"); err != nil {
					t.Error(err)
				}
			}
			if n := fntest.StateAs[int](h, "visits", "ada"); n != 20 {
				t.Errorf("%d visits, want 20", n)
			}
		})
	}
	wg.Wait()
}

func TestStagedState(t *testing.T) {
	h := fntest.New(t)
	h.SetState("visits", "ada", 41)
	if n, err := visit(h.Context(), "ada"); n != 42 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	var n int
	if h.State("visits", "bob", &n) {
		t.Error("bob was never there")
	}
	if !h.State("visits", "ada", &n) || n != 42 {
		t.Errorf("ada: %d", n)
	}
	if err := visits.Set(h.Context(), "bob", 1, state.TTL(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"ada", "bob"}, h.StateKeys("visits")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	h.Advance(time.Minute)
	if diff := cmp.Diff([]string{"ada"}, h.StateKeys("visits")); diff != "" {
		t.Errorf("a minute later: -want +got:\n%s", diff)
	}
}

func TestFailNext(t *testing.T) {
	h := fntest.New(t)
	ctx := h.Context()
	read := func() error { _, _, err := visits.Get(ctx, "ada"); return err }
	write := func() error { return visits.Set(ctx, "ada", 1) }

	h.FailNext("visits", 1, state.ErrConflict)
	if n, err := visit(ctx, "ada"); n != 1 || err != nil {
		t.Errorf("an update tries again: %d, %v", n, err)
	}
	h.FailNext("visits", 1, state.ErrConflict)
	if err := read(); err != nil {
		t.Errorf("reads have no conflicts: %v", err)
	}
	if err := write(); !errors.Is(err, state.ErrConflict) {
		t.Errorf("a write has: %v", err)
	}
	if err := write(); err != nil {
		t.Errorf("but one: %v", err)
	}
	h.FailNext("visits", -1, state.ErrUnavailable)
	for range 3 {
		if err := errors.Join(read(), write()); !errors.Is(err, state.ErrUnavailable) {
			t.Errorf("for ever: %v", err)
		}
	}
	h.SetState("visits", "ada", 7)
	if n := fntest.StateAs[int](h, "visits", "ada"); n != 7 {
		t.Errorf("the harness itself meets no fault: %d", n)
	}
	if _, _, err := state.Of[int]("others").Get(ctx, "ada"); err != nil {
		t.Errorf("nor do other stores: %v", err)
	}
	h.FailNext("visits", 0, nil)
	if err := errors.Join(read(), write()); err != nil {
		t.Errorf("it is over: %v", err)
	}
	own := errors.New("disk full")
	h.FailNext("visits", 1, own)
	if err := write(); !errors.Is(err, own) || err.Error() != `state visits: set "ada": disk full` {
		t.Errorf("a fault of the store's own: %v", err)
	}
}

func TestPublished(t *testing.T) {
	h := fntest.New(t)
	ctx := h.Context()
	for _, topic := range []string{"a", "b", "a"} {
		if err := pubsub.Publish(ctx, "events", topic, topic, pubsub.Metadata("cloudevent.type", "test."+topic), pubsub.Metadata("cloudevent.subject", "s")); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"a", "a"}, fntest.PublishedAs[string](h, "events", "a")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	got := h.Published("events", "b")
	if len(got) != 1 || got[0].Type() != "test.b" || got[0].Subject() != "s" || got[0].Extensions()["topic"] != "b" || got[0].Extensions()["pubsubname"] != "events" {
		t.Errorf("published %v", got)
	}
	if err := got[0].Validate(); err != nil {
		t.Errorf("it is no CloudEvent: %v", err)
	}
}

func TestBindingsAndSecrets(t *testing.T) {
	h := fntest.New(t)
	h.SetSecret("vault", "token", "t-1")
	h.StubBinding("pay", func(i fntest.Invocation) (any, error) {
		if i.Metadata["token"] != "t-1" {
			return nil, errors.New("who are you?")
		}
		return map[string]string{"receipt": string(i.Data)}, nil
	})
	fntest.Typed(h, "pay", func(ctx context.Context, amount int) (string, error) {
		token, err := secret.Get(ctx, "vault", "token")
		if err != nil {
			return "", err
		}
		answer, err := binding.InvokeAs[map[string]string](ctx, "pay", "create", amount, map[string]string{"token": token})
		return answer["receipt"], err
	})
	if got := fntest.OutputAs[string](t, h.Deliver(12)); got != "12" {
		t.Errorf("receipt %q", got)
	}
	if got := h.Bound("pay"); len(got) != 1 || got[0].Operation != "create" || string(got[0].Data) != "12" {
		t.Errorf("bound %v", got)
	}
	h.SetSecret("vault", "token", "t-2")
	if out := h.Deliver(12); out.Kind != fntest.KindRetry {
		t.Errorf("outcome %+v", out)
	}
}
