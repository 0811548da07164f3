package replica

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/weftmesh/weft/mesh"
)

func TestProcessors(t *testing.T) {
	tests := map[string]struct {
		reason, limit string
		want          []string
	}{
		"none":     {"nothing is said", "", nil},
		"part":     {"a part of a processor needs one", "200m", []string{"GOMAXPROCS=1"}},
		"one":      {"exactly one", "1", []string{"GOMAXPROCS=1"}},
		"too many": {"more than there are is no bound", "100000", nil},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			f := new(mesh.Function)
			if c.limit != "" {
				f.Resources.Limits = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(c.limit)}
			}
			if diff := cmp.Diff(c.want, processors(f)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
		})
	}
}

// TestProcessorsGiveWay: what someone has set on purpose wins.
func TestProcessorsGiveWay(t *testing.T) {
	env := lastOfEach(slices.Concat([]string{"GOMAXPROCS=1"}, inherited([]string{"GOMAXPROCS=4"})))
	if diff := cmp.Diff([]string{"GOMAXPROCS=4"}, env); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
