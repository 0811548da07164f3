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
