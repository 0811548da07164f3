package controller

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/weftmesh/weft/controller/desired"
	knativekinds "github.com/weftmesh/weft/internal/kinds"
)

// waits are reasons of a container that waits for somebody to do something.
// Others, such as ContainerCreating, pass.
var waits = []string{
	"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull",
	"CreateContainerConfigError", "CreateContainerError", "RunContainerError", "CrashLoopBackOff",
}

// stuck says why a pod does not start; "" if it does, or may.
func stuck(pod *corev1.Pod) (reason, message string) {
	// Dapr's sidecar is an init container that goes on.
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if w := c.State.Waiting; w != nil && slices.Contains(waits, w.Reason) {
			return w.Reason, cmp.Or(w.Message, "container "+c.Name+" does not start")
		}
	}
	return "", ""
}

// stuckOf looks for a pod of a Deployment's that does not start.
func (r *run) stuckOf(ctx context.Context, selector map[string]string) (reason, message string, err error) {
	pods := &corev1.PodList{}
	err = r.client.List(ctx, pods, client.InNamespace(r.mesh.Namespace), client.MatchingLabels(selector), client.UnsafeDisableDeepCopy)
	if err != nil {
		return "", "", err
	}
	slices.SortFunc(pods.Items, func(a, b corev1.Pod) int { return cmp.Compare(a.Name, b.Name) }) // a mesh's status stays the same
	for i := range pods.Items {
		if reason, message = stuck(&pods.Items[i]); reason != "" {
			return reason, message, nil
		}
	}
	return "", "", nil
}

// getsStuck lets those changes of pods pass by which one gets stuck, or is no
// longer. Pods of Knative's are its matter: its Service says how they are.
var getsStuck = predicate.TypedFuncs[client.Object]{
	CreateFunc: func(e event.TypedCreateEvent[client.Object]) bool { return reasonOf(e.Object) != "" },
	DeleteFunc: func(e event.TypedDeleteEvent[client.Object]) bool { return reasonOf(e.Object) != "" },
	UpdateFunc: func(e event.TypedUpdateEvent[client.Object]) bool {
		return reasonOf(e.ObjectOld) != reasonOf(e.ObjectNew)
	},
}

// reasonOf is why a pod with a place in a mesh, and not in a Service of Knative's,
// is stuck.
func reasonOf(o client.Object) string {
	pod, ok := o.(*corev1.Pod)
	if !ok || pod.Labels[desired.LabelRole] == "" || pod.Labels[knativekinds.LabelService] != "" {
		return ""
	}
	reason, _ := stuck(pod)
	return reason
}
