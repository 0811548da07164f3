package controller

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
)

// What the cache keeps of objects is what the controller reads, in as little
// memory: of 200 meshes there are some 10,000.

// slim leaves out who owns which field.
func slim(in any) (any, error) {
	if o, err := meta.Accessor(in); err == nil {
		o.SetManagedFields(nil)
	}
	return in, nil
}

// packed is the field with all that pack has put away, as JSON.
const packed = "weft.dev/packed"

// open are the fields that pack leaves as they are.
var open = map[string]bool{"apiVersion": true, "kind": true, "metadata": true, "status": true, packed: true}

// pack keeps what is desired of an object as JSON: as maps it takes five times
// the memory, and it is only read to be compared with what is desired now.
func pack(in any) (any, error) {
	u, ok := in.(*unstructured.Unstructured)
	if !ok {
		return slim(in)
	}
	rest := make(map[string]any)
	for key, value := range u.Object {
		if !open[key] {
			rest[key] = value
		}
	}
	if len(rest) > 0 {
		text, err := json.Marshal(rest)
		if err != nil {
			return nil, err
		}
		for key := range rest {
			delete(u.Object, key)
		}
		u.Object[packed] = string(text)
	}
	return slim(u)
}

// unpacked is an object as it was before pack; what was not packed is shared.
func unpacked(u *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	text, ok := u.Object[packed].(string)
	if !ok {
		return u, nil
	}
	var content map[string]any
	if err := json.Unmarshal([]byte(text), &content); err != nil {
		return nil, fmt.Errorf("%s %s: %w", u.GetKind(), u.GetName(), err)
	}
	for key, value := range u.Object {
		if key != packed {
			content[key] = value
		}
	}
	return &unstructured.Unstructured{Object: content}, nil
}

// nameAlone keeps names.
func nameAlone(in any) (any, error) {
	if o, ok := in.(*metav1.PartialObjectMetadata); ok {
		o.ObjectMeta = metav1.ObjectMeta{
			Name: o.Name, UID: o.UID, ResourceVersion: o.ResourceVersion, DeletionTimestamp: o.DeletionTimestamp,
		}
	}
	return in, nil
}

// statusAlone leaves out what others desire.
func statusAlone(in any) (any, error) {
	if u, ok := in.(*unstructured.Unstructured); ok {
		u.SetAnnotations(nil)
		unstructured.RemoveNestedField(u.Object, "spec")
	}
	return slim(in)
}

// slimPod keeps where a pod is, which ports it has, and why it does not start.
func slimPod(in any) (any, error) {
	pod, ok := in.(*corev1.Pod)
	if !ok {
		return in, nil
	}
	out := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion, Labels: pod.Labels,
	}}
	out.Status.Phase, out.Status.PodIP = pod.Status.Phase, pod.Status.PodIP
	for _, c := range pod.Spec.Containers {
		out.Spec.Containers = append(out.Spec.Containers, corev1.Container{Name: c.Name, Ports: c.Ports})
	}
	waiting := func(all []corev1.ContainerStatus) (some []corev1.ContainerStatus) {
		for _, c := range all {
			if c.State.Waiting != nil {
				some = append(some, corev1.ContainerStatus{Name: c.Name, State: c.State})
			}
		}
		return some
	}
	out.Status.InitContainerStatuses = waiting(pod.Status.InitContainerStatuses)
	out.Status.ContainerStatuses = waiting(pod.Status.ContainerStatuses)
	return out, nil
}
