package replica

import (
	"context"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// A function's own readiness path is asked, whatever the process tells of the
// contract's, and for as long as the function says.
func TestOwnReadiness(t *testing.T) {
	own := func(path string, timeout time.Duration) *rig {
		return newRig(t, setup{
			modes: map[string]string{"f": "tells"}, opts: Options{Grace: time.Millisecond},
			adjust: func(f *mesh.Function) {
				f.Spec.ReadinessProbe = &v1beta1.Probe{HTTPGet: v1beta1.HTTPGet{Path: path}}
				f.Spec.StartTimeout = &metav1.Duration{Duration: timeout}
			},
		})
	}
	if r := own("/version", time.Minute); r.mustCall(r.f(), "/version") != "1" {
		t.Error("it does not answer")
	}
	const never = "/health/readiness?own" // which the program says it is not
	r := own(never, 50*time.Millisecond)
	_, err := r.Acquire(context.Background(), r.f())
	unavailable(t, err, "not ready within 50ms")
}
