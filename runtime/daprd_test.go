package runtime_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/weftmesh/weft/bindings/daprapi/contract"
	"github.com/weftmesh/weft/internal/realtest"
	"github.com/weftmesh/weft/runtime/internal/component"
	"github.com/weftmesh/weft/runtime/internal/dapr"
)

// TestRealDaprd: what runtime/state and the others promise holds beside daprd too, which
// is what a function on a cluster has.
func TestRealDaprd(t *testing.T) {
	path := realtest.Need(t, "WEFT_TEST_DAPRD", "make test-real builds daprd")
	dir := t.TempDir()
	app := httptest.NewServer(http.NotFoundHandler()) // daprd waits for one
	defer app.Close()
	resources := map[string]string{
		"memory": "type: state.in-memory, version: v1",
		"events": "type: pubsub.in-memory, version: v1",
		"files":  `type: bindings.localstorage, version: v1, metadata: [{name: rootPath, value: "` + filepath.Join(dir, "files") + `"}]`,
		"vault":  `type: secretstores.local.file, version: v1, metadata: [{name: secretsFile, value: "` + filepath.Join(dir, "secrets.json") + `"}]`,
		"sqlite": `type: state.sqlite, version: v1, metadata: [{name: connectionString, value: "` + filepath.Join(dir, "state.db") + `"}]`,
	}
	if host := os.Getenv("WEFT_TEST_REDIS"); host != "" {
		resources["redis"] = fmt.Sprintf(`type: state.redis, version: v1, metadata: [{name: redisHost, value: %q}, {name: redisPassword, value: %q}]`,
			host, os.Getenv("WEFT_TEST_REDIS_PASSWORD"))
	}
	for _, sub := range []string{"resources", "files"} {
		if err := os.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "secrets.json"), []byte(`{"token":"t-1"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, spec := range resources {
		text := fmt.Sprintf("apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: %s}\nspec: {%s}\n", name, spec)
		if err := os.WriteFile(filepath.Join(dir, "resources", name+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	at := contract.Daprd{Path: path}.Start(t, contract.Setup{Dir: dir, App: &contract.App{URL: app.URL}})
	process := func(string) context.Context {
		b, err := dapr.Dial(at.GRPC, at.Token)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = b.Close() })
		return component.With(t.Context(), &component.Client{Backend: b})
	}
	t.Run("others", func(t *testing.T) { others(t, process("")) })
	for _, store := range []string{"memory", "sqlite", "redis"} {
		t.Run(store, func(t *testing.T) {
			needs(t, store)
			promises(t, process(""), store)
		})
		t.Run(store+" under contention", func(t *testing.T) {
			needs(t, store)
			// Redis has no rollback, and daprd has no guard for it.
			contend(t, process, store, store != "redis")
		})
	}
}
