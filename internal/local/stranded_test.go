package local

import (
	"strings"
	"testing"
)

func TestTellsOfEventsLeftBehind(t *testing.T) {
	mesh := strings.Replace(chain, "initialInterval: 10ms, maxInterval: 20ms", "initialInterval: 1h, maxInterval: 1h", 1)
	r := newRig(t, mesh, func(c hookCall) string {
		if c.Function == "check" {
			return "fail"
		}
		return ""
	})
	r.up()
	r.order("o-1")
	r.await("check", "o-1")
	r.down()
	r.write("mesh.yaml", `
apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: shop}
spec:
  functions: [{name: takeOrder, command: [$STEP], triggers: [{type: http, path: /orders}]}]
`)
	r.up()
	r.eventually("a line about the event of check", func() bool {
		out := r.out.String()
		return strings.Contains(out, "events wait in a queue") && strings.Contains(out, "check")
	})
	r.down()
	r.act(nil)
	r.write("mesh.yaml", chain)
	r.up()
	r.down()
	if n := strings.Count(r.out.String(), "events wait in a queue"); n != 1 {
		t.Errorf("told %d times, want once: with its function back the event is taken", n)
	}
}
