package components

import (
	"strings"
	"testing"

	"github.com/weftmesh/weft/mesh"
)

func TestKeyPrefix(t *testing.T) {
	plan := &mesh.Plan{Name: "shop", Namespace: "prod"}
	for name, c := range map[string]struct {
		reason, prefix, want string
	}{
		"default":       {"the mesh's name: its functions share", "", "shop||k"},
		"appid":         {"Dapr's default", "appid", "test-take-order||k"},
		"name":          {"the component's", "name", "store||k"},
		"namespace":     {"namespace and app id", "namespace", "prod.test-take-order||k"},
		"none":          {"as it is", "none", "k"},
		"literal":       {"taken in lower case, as daprd does", "Ours", "ours||k"},
		"in upper case": {"strategies hold in any case", "AppID", "test-take-order||k"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := newPrefix(c.prefix, "store", plan)
			if err != nil {
				t.Fatal(err)
			}
			s := &State{prefix: p}
			got, err := s.Key(takeOrder, "k")
			if err != nil || got != c.want {
				t.Errorf("%s: Key is %q, %v; want %q", c.reason, got, err, c.want)
			}
			if back := s.Trim(got); back != "k" {
				t.Errorf("%s: Trim(%q) is %q", c.reason, got, back)
			}
			if _, err := s.Key(takeOrder, "a||b"); err == nil || !strings.Contains(err.Error(), "a||b") {
				t.Errorf("a key with || gives %v", err)
			}
		})
	}
	if _, err := newPrefix("a||b", "store", plan); err == nil {
		t.Error("a prefix with || is no error")
	}
}
