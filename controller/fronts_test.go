package controller

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func TestTogether(t *testing.T) {
	pods := func(ids ...types.UID) (out []corev1.Pod) {
		for _, id := range ids {
			out = append(out, corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: id}, Status: corev1.PodStatus{Phase: corev1.PodRunning}})
		}
		return out
	}
	failed := pods("c")
	failed[0].Status.Phase = corev1.PodFailed
	two := together(pods("a", "b"))
	for name, c := range map[string]struct {
		reason string
		pods   []corev1.Pod
		same   bool
	}{
		"Order":    {reason: "a list has no order", pods: pods("b", "a"), same: true},
		"Finished": {reason: "one that has ended serves nobody", pods: append(pods("a", "b"), failed...), same: true},
		"Gone":     {reason: "KEDA may have been connected to it", pods: pods("a")},
		"Another":  {reason: "in the place of one that is gone", pods: pods("a", "c")},
		"None":     {reason: "nobody serves", pods: nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := together(c.pods); (got == two) != c.same {
				t.Errorf("%q beside %q: %s", got, two, c.reason)
			}
		})
	}
	if got := together(failed); got != "" {
		t.Errorf("of no pods: %q", got)
	}
}
