package subscriptions

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

const ship = `    - {name: ship, source: ., triggers: [{type: http}]}
`

const orders = `---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: orders}
spec:
  pubsubname: bus
  topic: orders
  routes:
    rules:
      - {match: 'event.type == "big"', path: /big}
      - {match: 'event.data.n > 5', path: /many/}
    default: rest
scopes: [ship]
`

func TestDeclared(t *testing.T) {
	r := newRig(t, ship, bus, orders)
	rec := newRecorder(nil)
	r.serve("ship", rec)
	m, _ := r.run(1)

	sub := m.Active()[0]
	if diff := cmp.Diff([]Rule{{`event.type == "big"`, "/big"}, {"event.data.n > 5", "/many"}, {"", "/rest"}}, sub.Rules); diff != "" {
		t.Errorf("rules, -want +got:\n%s", diff)
	}
	for _, step := range []struct {
		reason, typ, path string
		n                 int
	}{
		{"the first rule that matches wins", "big", "/big", 9},
		{"a rule may look at the data; a slash behind the path is cleaned away as daprd does", "small", "/many", 9},
		{"what no rule takes goes the default way", "small", "/rest", 1},
	} {
		r.publish("orders", "1", map[string]int{"n": step.n}, "type", step.typ)
		got := rec.next(t)
		if got.Path != step.path || got.Method != "POST" {
			t.Errorf("%s: called %s %s, want POST %s", step.reason, got.Method, got.Path, step.path)
		}
		if ct := got.Header.Get("Content-Type"); ct != "application/cloudevents+json" {
			t.Errorf("content type %q", ct)
		}
	}
}
