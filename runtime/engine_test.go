package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/bindings/daprapi"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/meshtest"
	"github.com/weftmesh/weft/runtime/binding"
	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/dapr"
	"github.com/weftmesh/weft/runtime/pubsub"
	"github.com/weftmesh/weft/runtime/secret"
	"github.com/weftmesh/weft/runtime/state"
)

// engineMesh has a store of each kind that needs no server. guest declares
// nothing.
const engineMesh = `
metadata: {name: shop}
spec:
  functions:
    - {name: order, source: ./order, state: [memory, embedded, sqlite, redis], bindings: [files]}
    - {name: guest, source: ./guest, state: [], bindings: []}
  components:
    - {name: memory, type: state.in-memory, version: v1}
    - {name: embedded, type: state.embedded, version: v1}
    - {name: sqlite, type: state.sqlite, version: v1, metadata: [{name: connectionString, value: DIR/state.db}]}
    - {name: files, type: bindings.localstorage, version: v1, metadata: [{name: rootPath, value: DIR/files}]}
    - {name: events, type: pubsub.in-memory, version: v1, scopes: [order], metadata: [{name: protectedTopics, value: secret}]}
    - {name: vault, type: secretstores.local.file, version: v1, scopes: [order], metadata: [{name: secretsFile, value: DIR/secrets.json}]}
`

const engineRedis = `    - {name: redis, type: state.redis, version: v1, metadata: [{name: redisHost, value: "HOST"}, {name: redisPassword, value: "PASSWORD"}]}
`

// engineAPI serves the Dapr API of a mesh, as weft up does, and returns what
// makes the context of a process of a function.
func engineAPI(t *testing.T) func(function string) context.Context {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "files"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "secrets.json"), []byte(`{"token":"t-1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	text := engineMesh
	if host := os.Getenv("WEFT_TEST_REDIS"); host != "" {
		text += strings.NewReplacer("HOST", host, "PASSWORD", os.Getenv("WEFT_TEST_REDIS_PASSWORD")).Replace(engineRedis)
	}
	text = strings.ReplaceAll(strings.ReplaceAll(text, "DIR", dir), "memory, embedded, sqlite, redis", strings.Join(stores(), ", "))
	plan := meshtest.Plan(t, text)
	quiet := slog.New(slog.DiscardHandler)
	set, err := components.Open(t.Context(), components.Config{Plan: plan, Dir: dir, Base: dir, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = set.Close() })
	api, err := daprapi.New(daprapi.Config{
		Plan: plan, Components: set, Functions: noFunctions{}, Logger: quiet,
		Caller: func(token string) (*mesh.Function, bool) {
			i := slices.IndexFunc(plan.Functions, func(f *mesh.Function) bool { return f.Name == token })
			if i < 0 {
				return nil, false
			}
			return plan.Functions[i], true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := daprapi.NewServer(func() (*daprapi.API, func()) { return api, func() {} }, daprapi.Logger(quiet))
	done := make(chan error, 1)
	go func() { done <- server.ServeGRPC(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(server.Shutdown(ctx), <-done); err != nil {
			t.Error(err)
		}
	})
	return func(function string) context.Context {
		b, err := dapr.Dial("http://"+l.Addr().String(), function)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		return component.With(t.Context(), &component.Client{Backend: b})
	}
}

// stores of the mesh; Redis where hack/services.sh has started one.
func stores() []string {
	names := []string{"memory", "embedded", "sqlite"}
	if os.Getenv("WEFT_TEST_REDIS") != "" {
		names = append(names, "redis")
	}
	return names
}

// TestEngineState: what runtime/state promises holds for each kind of store.
func TestEngineState(t *testing.T) {
	process := engineAPI(t)
	for _, store := range []string{"memory", "embedded", "sqlite", "redis"} {
		t.Run(store, func(t *testing.T) {
			needs(t, store)
			promises(t, process("order"), store)
		})
		t.Run(store+" under contention", func(t *testing.T) {
			needs(t, store)
			contend(t, process, store, true)
		})
	}
}

// promises are those that need no second writer.
func promises(t *testing.T, ctx context.Context, store string) {
	numbers := state.Of[int](store)
	key := func(k string) string { return fmt.Sprintf("%s-%d-%s", t.Name(), os.Getpid(), k) }
	if _, found, err := numbers.Get(ctx, key("a")); found || err != nil {
		t.Fatalf("a key that is not there: %v, %v", found, err)
	}
	if err := numbers.Set(ctx, key("a"), 1, state.IfMissing()); err != nil {
		t.Fatal(err)
	}
	if err := numbers.Set(ctx, key("a"), 2, state.IfMissing()); !errors.Is(err, state.ErrConflict) {
		t.Errorf("a key that exists: %v", err)
	}
	if err := numbers.Set(ctx, key("a"), 2); err != nil {
		t.Errorf("a plain write after a conditional one: %v", err)
	}
	item, err := numbers.GetItem(ctx, key("a"))
	if err != nil || item.Value != 2 {
		t.Fatalf("GetItem = %+v, %v", item, err)
	}
	if err := numbers.Set(ctx, key("a"), 3, state.IfMatch(item.ETag)); err != nil {
		t.Error(err)
	}
	if err := numbers.Set(ctx, key("a"), 4, state.IfMatch(item.ETag)); !errors.Is(err, state.ErrConflict) {
		t.Errorf("an etag of before: %v", err)
	}
	if err := numbers.Delete(ctx, key("a"), state.IfMatch(item.ETag)); !errors.Is(err, state.ErrConflict) {
		t.Errorf("an etag of before, to delete: %v", err)
	}
	if err := numbers.Set(ctx, key("b"), 5, state.TTL(time.Hour)); err != nil {
		t.Error(err)
	}
	many, err := numbers.GetMany(ctx, key("b"), key("none"), key("a"))
	if err != nil || len(many) != 2 || many[key("a")] != 3 || many[key("b")] != 5 {
		t.Errorf("GetMany = %v, %v", many, err)
	}
	if err := numbers.Delete(ctx, key("a")); err != nil {
		t.Error(err)
	}
}

// needs skips a test whose store is not there, or fails it where it must be.
func needs(t *testing.T, store string) {
	t.Helper()
	switch {
	case slices.Contains(stores(), store):
	case os.Getenv("WEFT_REAL") == "1":
		t.Fatal("WEFT_TEST_REDIS is not set, and servers are required here")
	default:
		t.Skip("WEFT_TEST_REDIS is not set: run it with hack/services.sh run -- go test ./runtime -run TestEngine")
	}
}

// contend: processes move units between accounts, in transactions, and count
// how many they have moved, in updates. No unit appears or is lost.
func contend(t *testing.T, process func(string) context.Context, store string, transactions bool) {
	const processes, goroutines, rounds, accounts, units = 3, 4, 10, 4, 100
	numbers := state.Of[int](store)
	key := func(k any) string { return fmt.Sprintf("contend-%d-%v", os.Getpid(), k) }
	for i := range accounts {
		if err := numbers.Set(process("order"), key(i), units); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for p := range processes {
		ctx := process("order")
		for g := range goroutines {
			wg.Go(func() {
				for r := range rounds {
					from, to, id := key((p+g+r)%accounts), key((p+r+1)%accounts), key(fmt.Sprint("move-", p, "-", g, "-", r))
					again(t, func() error {
						if !transactions {
							return nil
						}
						return state.Transaction(ctx, store, []string{from, to, id}, func(tx *state.Tx) error {
							v := numbers.In(tx)
							if _, done, err := v.Get(id); done || err != nil {
								return err
							}
							a, _, err := v.Get(from)
							if err == nil {
								err = v.Set(from, a-1)
							}
							b, _, readErr := v.Get(to)
							return errors.Join(err, readErr, v.Set(to, b+1), v.Set(id, 1))
						})
					})
					again(t, func() error {
						return numbers.Update(ctx, key("moves"), func(n *int) error { *n++; return nil })
					})
				}
			})
		}
	}
	wg.Wait()
	ctx, sum := process("order"), 0
	for i := range accounts {
		n, _, err := numbers.Get(ctx, key(i))
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	moves, _, err := numbers.Get(ctx, key("moves"))
	if err != nil {
		t.Fatal(err)
	}
	if want := processes * goroutines * rounds; sum != accounts*units || moves != want {
		t.Errorf("%d units, want %d; %d moves, want %d", sum, accounts*units, moves, want)
	}
}

// again calls f until it has no conflict any more, as an event that failed is
// delivered again.
func again(t *testing.T, f func() error) {
	t.Helper()
	var err error
	for range 10 {
		if err = f(); !errors.Is(err, state.ErrConflict) {
			break
		}
	}
	if err != nil {
		t.Error(err)
	}
}

func TestEngineErrors(t *testing.T) {
	process := engineAPI(t)
	order, guest, stranger := process("order"), process("guest"), process("stranger")
	cases := map[string]struct {
		reason string
		call   func() error
		is     error
		text   string
	}{
		"store of others": {"a function sees what it declares",
			func() error { return state.Of[int]("memory").Set(guest, "k", 1) }, state.ErrNoStore, "add `state: [memory]`"},
		"no store": {"and what there is",
			func() error { _, _, err := state.Of[int]("none").Get(order, "k"); return err }, state.ErrNoStore, "add `state: [none]`"},
		"no store, many": {"in each kind of call",
			func() error { _, err := state.Of[int]("none").GetMany(order, "k", "l"); return err }, state.ErrNoStore, "add `state: [none]`"},
		"unknown token":  {"a process of another run", func() error { _, _, err := state.Of[int]("memory").Get(stranger, "k"); return err }, component.ErrDenied, ""},
		"large":          {"the limit of the API", func() error { return state.Of[string]("memory").Set(order, "k", strings.Repeat("x", 5<<20)) }, state.ErrTooLarge, ""},
		"no pubsub":      {"a function sees what it may use", func() error { return pubsub.Publish(guest, "events", "t", 1) }, pubsub.ErrNoComponent, "see that the mesh has a pub/sub component events"},
		"protected":      {"a topic that is not for it", func() error { return pubsub.Publish(order, "events", "secret", 1) }, pubsub.ErrDenied, ""},
		"no binding":     {"a function sees what it declares", func() error { _, err := binding.Invoke(guest, "files", "list", nil, nil); return err }, binding.ErrNoBinding, "add `bindings: [files]`"},
		"no secrets":     {"a function sees what it may use", func() error { _, err := secret.Get(guest, "vault", "token"); return err }, secret.ErrNoStore, ""},
		"no such secret": {"as the store says it", func() error { _, err := secret.Get(order, "vault", "none"); return err }, secret.ErrNotFound, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := tc.call(); !errors.Is(err, tc.is) || !strings.Contains(fmt.Sprint(err), tc.text) {
				t.Errorf("%s: %v, want %v, %q", tc.reason, err, tc.is, tc.text)
			}
		})
	}
}

func TestEngineOthers(t *testing.T) { others(t, engineAPI(t)("order")) }

// others are publishing, secrets and bindings.
func others(t *testing.T, ctx context.Context) {
	if err := pubsub.Publish(ctx, "events", "orders", map[string]int{"n": 1}, pubsub.TTL(time.Minute)); err != nil {
		t.Error(err)
	}
	if v, err := secret.Get(ctx, "vault", "token"); v != "t-1" || err != nil {
		t.Errorf("secret %q, %v", v, err)
	}
	if _, err := binding.Invoke(ctx, "files", "create", "hello", map[string]string{"fileName": "a.txt"}); err != nil {
		t.Fatal(err)
	}
	if text, err := binding.InvokeAs[string](ctx, "files", "get", nil, map[string]string{"fileName": "a.txt"}); text != "hello" || err != nil {
		t.Errorf("binding answered %q, %v", text, err)
	}
}

// noFunctions has none to call.
type noFunctions struct{}

func (noFunctions) Do(*mesh.Function, *http.Request) (*http.Response, error) {
	return nil, errors.New("no function runs")
}
