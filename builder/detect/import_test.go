package detect

import "testing"

func TestPackageName(t *testing.T) {
	for from, tc := range map[string]struct{ reason, want string }{
		"net/http":                         {"the last element", "http"},
		"example.com/events/v3":            {"a major version is no name", "events"},
		"gopkg.in/yaml.v3":                 {"nor is one behind a dot", "yaml"},
		"github.com/redis/go-redis/v9":     {"by custom without go-", "redis"},
		"github.com/cloudevents/sdk-go/v2": {"an exception, which everyone who handles events imports", "v2"},
	} {
		if got := packageName(from); got != tc.want {
			t.Errorf("%s: %s is called %s, want %s", tc.reason, from, got, tc.want)
		}
	}
}
