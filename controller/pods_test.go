package controller

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weftmesh/weft/controller/desired"
	knativekinds "github.com/weftmesh/weft/internal/kinds"
)

// TestReasonOf: a pod of Knative's is no reason to look at a mesh.
func TestReasonOf(t *testing.T) {
	for name, tc := range map[string]struct {
		reason, want string
		labels       map[string]string
	}{
		"Front":   {"it is the mesh's", "ErrImagePull", map[string]string{desired.LabelRole: desired.RoleFront}},
		"Knative": {"Knative's Service says how it is", "", map[string]string{desired.LabelRole: desired.RoleFunction, knativekinds.LabelService: "shop-pack"}},
		"Others":  {"it has no place in a mesh", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Labels: tc.labels}, Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
				{Name: "a", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ErrImagePull"}}},
			}}}
			if got := reasonOf(pod); got != tc.want {
				t.Errorf("%s: %q", tc.reason, got)
			}
		})
	}
}

// TestStuck looks at pods as the cache keeps them.
func TestStuck(t *testing.T) {
	waits := func(name, reason, message string) corev1.ContainerStatus {
		return corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
	}
	runs := corev1.ContainerStatus{Name: "daprd", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}
	for name, tc := range map[string]struct {
		reason, stuck, message string
		init, containers       []corev1.ContainerStatus
	}{
		"Starts":  {reason: "it may take a while", containers: []corev1.ContainerStatus{waits("function", "ContainerCreating", "")}},
		"Image":   {"somebody has to push it", "ErrImagePull", "not found", nil, []corev1.ContainerStatus{waits("function", "ErrImagePull", "not found")}},
		"Silent":  {"where nobody says why it says which", "CrashLoopBackOff", "container front does not start", nil, []corev1.ContainerStatus{waits("front", "CrashLoopBackOff", "")}},
		"Sidecar": {"the function waits for its sidecar", "ImagePullBackOff", "no daprd", []corev1.ContainerStatus{waits("daprd", "ImagePullBackOff", "no daprd")}, []corev1.ContainerStatus{waits("function", "PodInitializing", "")}},
		"Runs":    {reason: "nobody waits", init: []corev1.ContainerStatus{runs}, containers: []corev1.ContainerStatus{runs}},
	} {
		t.Run(name, func(t *testing.T) {
			kept, err := slimPod(&corev1.Pod{Status: corev1.PodStatus{InitContainerStatuses: tc.init, ContainerStatuses: tc.containers}})
			if err != nil {
				t.Fatal(err)
			}
			if stuck, message := stuck(kept.(*corev1.Pod)); stuck != tc.stuck || message != tc.message {
				t.Errorf("%s: %q, %q", tc.reason, stuck, message)
			}
		})
	}
}
