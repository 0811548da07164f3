package local

import (
	"net/http"
	"testing"
)

// TestKnownAcrossRestart: within the dedup window a request that is repeated
// with its key routes once, answered or emitted, also by the next engine.
func TestKnownAcrossRestart(t *testing.T) {
	r := newRig(t, chain, func(c hookCall) string {
		if c.Function == "takeOrder" && c.ID == "emitted" {
			return "emit check"
		}
		return ""
	})
	order := func(id string) {
		t.Helper()
		if status, body, _ := r.post("/orders", `{"id":"`+id+`"}`, "Idempotency-Key", "key of "+id); status != http.StatusOK {
			t.Fatalf("%s: %d %s", id, status, body)
		}
	}
	r.up()
	order("answered")
	order("emitted")
	r.await("tell", "answered")
	r.eventually("both told", func() bool { return r.count("tell", "emitted") == 1 })
	r.down()
	r.up()
	order("answered")
	order("emitted")
	order("last")
	r.await("tell", "last")
	r.down() // what is repeated was queued before the last one
	for _, id := range []string{"answered", "emitted"} {
		if taken, n := r.count("takeOrder", id), r.count("tell", id); taken != 2 || n != 1 {
			t.Errorf("%s: taken %d times and told %d times, want twice and once", id, taken, n)
		}
	}
}
