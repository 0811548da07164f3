package scaffold

import (
	"testing"

	"github.com/weftmesh/weft/builder/detect"
)

func TestServedAt(t *testing.T) {
	cases := map[string]struct {
		reason     string
		name, path string
		want       string
	}{
		"name":     {"the framework serves each at its name", "hello", "", "/hello"},
		"path":     {"or where it is told to", "", "/a/b", "/a/b"},
		"root":     {"the usual one", "", "/", "/"},
		"below":    {"all that begins so", "", "/a/", "/a/"},
		"neither":  {"what is no constant is not known", "", "", ""},
		"host":     {"it would be taken for a host", "", "a/b", ""},
		"wildcard": {"it would be taken for a pattern", "{a}", "", ""},
		"method":   {"it would be taken for a method and a path", "GET a", "", ""},
		"unclean":  {"it would be redirected from", "", "/a//b", ""},
		"dots":     {"likewise", "../a", "", ""},
	}
	for name, tc := range cases {
		if got := servedAt(detect.Handler{Name: tc.name, Path: tc.path}); got != tc.want {
			t.Errorf("%s: %s: %q, want %q", name, tc.reason, got, tc.want)
		}
	}
}
