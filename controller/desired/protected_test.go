package desired_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/controller/desired"
)

// TestProtected: a route is not served without the protection that it asks for.
func TestProtected(t *testing.T) {
	for name, c := range map[string]struct {
		reason, trigger string
		notes           []string
	}{
		"Open":     {reason: "it asks for none", trigger: "{type: http, path: /guarded}"},
		"Auth":     {"callers are not checked", "{type: http, path: /guarded, auth: {jwt: {issuer: 'https://id.example'}}}", []string{"!TriggersHonoured/NotEnforced"}},
		"Limit":    {"calls are not counted", "{type: http, path: /guarded, rateLimit: {requests: 1}}", []string{"!TriggersHonoured/NotEnforced"}},
		"Schema":   {"bodies are not checked", "{type: http, path: /guarded, schema: {type: object}}", []string{"!TriggersHonoured/NotEnforced"}},
		"NoRoute":  {reason: "what is not served is not open", trigger: "{type: queue, path: /guarded, auth: {allow: 'true'}}"},
		"Together": {"it is said once of a route", "{type: http, path: /guarded, rateLimit: {requests: 1}, schema: {}}", []string{"!TriggersHonoured/NotEnforced"}},
	} {
		t.Run(name, func(t *testing.T) {
			st := state(t, compile(t, "functions: [{name: a, image: example.com/app, triggers: [{type: http, path: /x}, "+c.trigger+"]}]"), settings(), desired.Found{})
			if diff := cmp.Diff(c.notes, notes(st)); diff != "" {
				t.Errorf("%s, -want +got:\n%s", c.reason, diff)
			}
			text := meshFile(t, st, "shop")
			if served := strings.Contains(text, "/guarded"); served != (c.notes == nil) || !strings.Contains(text, "/x") {
				t.Errorf("%s; the front reads\n%s", c.reason, text)
			}
		})
	}
}
