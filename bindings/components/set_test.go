package components

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/components-contrib/secretstores"
	"github.com/dapr/components-contrib/state"

	"github.com/weftmesh/weft/mesh/meshtest"
)

// one is a mesh of one function with the components that text lists.
func one(components string) string {
	return `
spec:
  functions: [{name: takeOrder, triggers: [{type: http}]}]
  components:` + components
}

func open(t testing.TB, cfg Config, components string) *Set {
	t.Helper()
	cfg.Plan = meshtest.Plan(t, one(components))
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(t.TempDir(), "state")
	}
	s, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func TestOpen(t *testing.T) {
	secrets := filepath.Join(t.TempDir(), "secrets.json")
	if err := os.WriteFile(secrets, []byte(`{"smtp":"s3cret"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s := open(t, Config{Base: filepath.Dir(secrets)}, `
    - {name: cache, type: state.in-memory}
    - {name: orders, type: state.embedded}
    - {name: events, type: pubsub.in-memory}
    - {name: vault, type: secretstores.local.file, metadata: [{name: secretsFile, value: secrets.json}]}
    - {name: tick, type: bindings.cron, metadata: [{name: schedule, value: "@every 1h"}, {name: route, value: ticks}]}
    - {name: files, type: bindings.localstorage, metadata: [{name: rootPath, value: out}]}`)

	want := []Info{
		{"cache", "state.in-memory", "v1", []string{"ETAG", "TRANSACTIONAL", "TTL", "DELETE_WITH_PREFIX", "KEYS_LIKE"}},
		{"events", "pubsub.in-memory", "v1", []string{"SUBSCRIBE_WILDCARDS"}},
		{"files", "bindings.localstorage", "v1", []string{"OUTPUT_BINDING"}},
		{"orders", "state.embedded", "v1", []string{"ETAG", "TRANSACTIONAL", "TTL", "KEYS_LIKE"}},
		{"tick", "bindings.cron", "v1", []string{"INPUT_BINDING"}},
		{"vault", "secretstores.local.file", "v1", nil},
	}
	if diff := cmp.Diff(want, s.Infos()); diff != "" {
		t.Errorf("Infos (-want +got):\n%s", diff)
	}
	if got := s.Input("tick").Route; got != "/ticks" {
		t.Errorf("route of tick is %q", got)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(secrets), "out")); err != nil {
		t.Errorf("rootPath is not relative to the mesh: %v", err)
	}

	ctx := context.Background()
	answer, err := s.Secrets("vault").Store.GetSecret(ctx, secretstores.GetSecretRequest{Name: "smtp"})
	if err != nil || answer.Data["smtp"] != "s3cret" {
		t.Errorf("secret: %v, %v", answer, err)
	}
	for _, name := range []string{"cache", "orders"} {
		store := s.State(name).Store
		if err := store.Set(ctx, &state.SetRequest{Key: "test||a", Value: []byte("1")}); err != nil {
			t.Fatalf("%s: Set: %v", name, err)
		}
		got, err := store.Get(ctx, &state.GetRequest{Key: "test||a"})
		if err != nil || string(got.Data) != "1" {
			t.Errorf("%s: Get: %s, %v", name, got.Data, err)
		}
	}
	got := make(chan string, 1)
	in, done, err := s.PubSub("events").Consumer(ctx, "test-take-order")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = done() }()
	if err := in.Subscribe(ctx, pubsub.SubscribeRequest{Topic: "orders"}, func(_ context.Context, m *pubsub.NewMessage) error {
		got <- string(m.Data)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := s.PubSub("events").Publisher().Publish(ctx, &pubsub.PublishRequest{Topic: "orders", Data: []byte("hello")}); err != nil {
		t.Fatal(err)
	}
	if m := <-got; m != "hello" {
		t.Errorf("received %q", m)
	}
}
