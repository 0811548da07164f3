package cli

import (
	"testing"

	"github.com/weftmesh/weft/internal/adminapi"
)

// TestCounted: zeros of a front that cannot count are no reason to delete a mesh.
func TestCounted(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		status adminapi.Status
		ok     bool
	}{
		"ready":     {reason: "it has asked its broker", status: adminapi.Status{Mesh: "shop", Ready: true}, ok: true},
		"not ready": {reason: "its broker is away, and no queue is known", status: adminapi.Status{Mesh: "shop", Functions: []adminapi.Function{{Name: "a"}}}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := counted(tc.status); (err == nil) != tc.ok {
				t.Errorf("%s: %v", tc.reason, err)
			}
		})
	}
}

// TestLeft: nor is the zero of one queue that the broker does not tell of.
func TestLeft(t *testing.T) {
	for name, tc := range map[string]struct {
		reason    string
		functions []adminapi.Function
		left      int
		err       string
	}{
		"all told": {reason: "zero is zero", functions: []adminapi.Function{{Name: "a"}, {Name: "b"}}},
		"one not": {reason: "it is named", functions: []adminapi.Function{{Name: "a"}, {Name: "b", Unknown: true}},
			err: "the broker of shop does not tell at present what waits for b"},
		"enough": {reason: "what is known holds the mesh", functions: []adminapi.Function{{Name: "a", Queued: 1, DeadLetters: 1}, {Name: "b", Unknown: true}}, left: 2},
	} {
		t.Run(name, func(t *testing.T) {
			events, letters, err := left(adminapi.Status{Mesh: "shop", Ready: true, Functions: tc.functions})
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != tc.err || events+letters != tc.left {
				t.Errorf("%s: %d, %q, want %d, %q", tc.reason, events+letters, got, tc.left, tc.err)
			}
		})
	}
}
