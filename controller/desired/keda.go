package desired

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/mesh"
)

// kedaFunction desires a function that KEDA scales: its pods hold the function
// and a dispatcher for its queue alone, which calls it within the pod.
func (b *builder) kedaFunction(f *mesh.Function) {
	c := b.container(f, f.Spec.Image, []corev1.EnvVar{
		{Name: contract.EnvPort, Value: portText(portOf(f))},
		{Name: contract.EnvService, Value: f.Service},
		{Name: contract.EnvConfiguration, Value: f.Service},
		{Name: contract.EnvRevision, Value: f.Service},
		// Its dispatcher waits for its calls, so it finishes them; Knative tells its
		// functions to end when they are done with theirs.
		{Name: contract.EnvGrace, Value: fmt.Sprintf("%ds", b.drains(f))},
	})
	c.ReadinessProbe, c.LivenessProbe = probes(f, portOf(f))
	c.ReadinessProbe.PeriodSeconds = 2
	pod := corev1.PodSpec{
		ServiceAccountName: account(f), AutomountServiceAccountToken: ptr(false), EnableServiceLinks: ptr(false),
		TerminationGracePeriodSeconds: ptr(b.drains(f) + grace),
		Containers:                    []corev1.Container{c},
	}
	if f.Queued() {
		d := b.dataplane(RoleDispatcher, f, "--function="+f.KubeName, "--local=http://127.0.0.1:"+portText(portOf(f)))
		pod.Containers = append(pod.Containers, d)
		pod.Volumes = append([]corev1.Volume{tmp()}, b.dataplaneVolumes(RoleDispatcher)...)
	}
	if len(f.Spec.Traffic) > 0 {
		b.note(Note{Function: f.Name, Path: at(f, "traffic"), Type: TypeTrafficHonoured, Reason: "NotKEDA",
			Message: "traffic is shared out by Knative, and scaler: keda has one image; use scaler: knative"})
	}
	labels := b.labels(RoleFunction, f)
	d := &appsv1.Deployment{TypeMeta: typeMeta("apps/v1", "Deployment"), ObjectMeta: b.meta(f.Service, RoleFunction, f)}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: labels}
	d.Spec.Template = corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels: b.podLabels(f), Annotations: annotations(b.daprAnnotations(f), b.hashAnnotation(f), f.Spec.Annotations),
		},
		Spec: pod,
	}
	if f.Spec.StartTimeout != nil {
		d.Spec.ProgressDeadlineSeconds = ptr(int32(wholeSeconds(f.Spec.StartTimeout.Duration)))
	}
	service := &corev1.Service{TypeMeta: typeMeta("v1", "Service"), ObjectMeta: b.meta(f.Service, RoleFunction, f)}
	service.Spec = corev1.ServiceSpec{
		Selector: b.labels(RoleFunction, f),
		Ports:    []corev1.ServicePort{{Name: "http", Port: 80, TargetPort: intstr.FromInt32(portOf(f))}},
	}
	b.add(d, service)
}

// hashAnnotation of pods with a dispatcher in them.
func (b *builder) hashAnnotation(f *mesh.Function) map[string]string {
	if !f.Queued() {
		return nil
	}
	return map[string]string{AnnotationMeshHash: b.hash}
}
