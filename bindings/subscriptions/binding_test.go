package subscriptions

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)


func TestInputBinding(t *testing.T) {
	r := newRig(t, ship, `  components: [{name: tick, type: bindings.cron, version: v1, metadata: [{name: schedule, value: "@every 1s"}]}]
`, "")
	rec := newRecorder(func(w http.ResponseWriter, r *http.Request, _ string) { w.WriteHeader(http.StatusOK) })
	r.serve("ship", rec)
	r.run(0)
	got := rec.next(t)
	if diff := cmp.Diff(request{"POST", "/tick", "", nil, ""}, request{got.Method, got.Path, got.Query, nil, got.Body}); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got.Header.Get("Readtimeutc") == "" || got.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", got.Header)
	}
}
