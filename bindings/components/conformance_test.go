package components

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/dapr/components-contrib/bindings"
	conformancebindings "github.com/dapr/components-contrib/tests/conformance/bindings"
	conformancesecrets "github.com/dapr/components-contrib/tests/conformance/secretstores"
	conformancestate "github.com/dapr/components-contrib/tests/conformance/state"
)

// made gives a component of a type as the registry makes it, not yet opened:
// the conformance suites of components-contrib open it themselves.
func made(t testing.TB, typ, version string) part {
	t.Helper()
	d, _ := find(typ, version)
	if d == nil {
		t.Fatalf("the registry has no %s %s", typ, version)
	}
	return d.new(host{name: "store", dir: filepath.Join(t.TempDir(), "state"), log: &bridge{log: slog.New(slog.DiscardHandler)}})
}

func TestConformanceState(t *testing.T) {
	common := []string{"transaction", "etag", "first-write", "ttl", "keyslike"}
	for typ, with := range map[string]struct {
		operations []string
		props      map[string]string
	}{
		"state.embedded":  {operations: common},
		"state.in-memory": {operations: append([]string{"delete-with-prefix"}, common...)},
		"state.sqlite":    {operations: common, props: map[string]string{"connectionString": ":memory:"}},
	} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			stateSuite(t, typ, "v1", with.operations, with.props, nil)
		})
	}
}

func stateSuite(t *testing.T, typ, version string, operations []string, props map[string]string, config map[string]any) {
	t.Helper()
	cfg, err := conformancestate.NewTestConfig(typ, operations, config)
	if err != nil {
		t.Fatal(err)
	}
	store := made(t, typ, version).state
	t.Cleanup(func() { _ = store.Close() })
	conformancestate.ConformanceTests(t, props, store, cfg)
}

func TestConformanceSecrets(t *testing.T) {
	// The suite sets variables of the environment, so these are not parallel.
	for typ, props := range map[string]map[string]string{
		"secretstores.local.env":  nil,
		"secretstores.local.file": {"secretsFile": filepath.Join("testdata", "secrets.json")},
	} {
		t.Run(typ, func(t *testing.T) {
			conformancesecrets.ConformanceTests(t, props, made(t, typ, "v1").secrets, conformancesecrets.NewTestConfig(typ, nil))
		})
	}
}

// The suite for bindings keeps its settings in variables, so it runs one at a time.
func TestConformanceBindings(t *testing.T) {
	t.Run("bindings.cron", func(t *testing.T) {
		cfg, err := conformancebindings.NewTestConfig("cron", []string{"read"}, map[string]any{"readBindingWait": 3 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		conformancebindings.ConformanceTests(t, map[string]string{"schedule": "@every 1s"}, made(t, "bindings.cron", "v1").in, nil, cfg)
	})
	t.Run("bindings.localstorage", func(t *testing.T) {
		// Its list wants a directory, its delete a file that is there: the suite
		// gives all operations the same metadata.
		operations := []string{"operations", string(bindings.CreateOperation), string(bindings.GetOperation)}
		cfg, err := conformancebindings.NewTestConfig("localstorage", operations, map[string]any{
			"output": map[string]string{"fileName": "conformance"},
		})
		if err != nil {
			t.Fatal(err)
		}
		conformancebindings.ConformanceTests(t, map[string]string{"rootPath": t.TempDir()}, nil, made(t, "bindings.localstorage", "v1").out, cfg)
	})
}
