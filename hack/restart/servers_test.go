//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weftmesh/weft/hack/internal/engine"
	"github.com/weftmesh/weft/mesh/source"
)

func TestFindServers(t *testing.T) {
	all := map[string]string{
		"WEFT_TEST_REDIS": "127.0.0.1:6379", "WEFT_TEST_REDIS_PASSWORD": "s3cret", "WEFT_TEST_NATS": "nats://127.0.0.1:4222", "WEFT_TEST_CTL": "/ctl",
	}
	tests := map[string]struct {
		reason      string
		without     string // a variable that is not set
		broker, how string
		found       bool
		fails       bool
	}{
		"nats":        {"both are there", "", "nats", "restart", true, false},
		"redis":       {"one is both", "WEFT_TEST_NATS", "redis", "crash", true, false},
		"no nats":     {"left out", "WEFT_TEST_NATS", "nats", "restart", false, false},
		"no redis":    {"left out", "WEFT_TEST_REDIS", "nats", "restart", false, false},
		"no services": {"run by hand, without the script", "WEFT_TEST_CTL", "nats", "restart", false, true},
		"odd broker":  {"not one of the two", "", "kafka", "restart", false, true},
		"odd how":     {"not one of the two", "", "nats", "reload", false, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, err := findServers(func(v string) string {
				if v == tc.without {
					return ""
				}
				return all[v]
			}, tc.broker, tc.how)
			if (s != nil) != tc.found || (err != nil) != tc.fails {
				t.Fatalf("%s: %+v, %v", tc.reason, s, err)
			}
			if s == nil {
				return
			}
			root, err := engine.Root()
			if err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(t.TempDir(), "mesh")
			if err := engine.Mesh(filepath.Join(root, "samples", "order-processing"), dir, engine.Sample{Local: s.documents()}); err != nil {
				t.Fatal(err)
			}
			b, problems := source.Load(dir, source.Options{})
			if err := append(problems, b.CheckReferences()...).Err(); err != nil {
				t.Fatal(err)
			}
			if c := b.Plan.Components["order-state"]; c.Type != "state.redis" || b.Plan.Broker != "links" {
				t.Errorf("%s: order-state is %s, broker %q", tc.reason, c.Type, b.Plan.Broker)
			}
			// The mesh is the article's but for addresses.
			article, err := os.ReadFile(filepath.Join(dir, "resources", "order-state.yaml"))
			if err != nil || !strings.Contains(string(article), "redis:6379") {
				t.Errorf("resources/order-state.yaml: %v", err)
			}
		})
	}
}
