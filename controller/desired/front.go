package desired

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// front desires the way into the mesh: gateway and sink, triggers, and a
// dispatcher. It is always there, and nobody scales it but by hand.
func (b *builder) front() {
	name := FrontName(b.plan.Name)
	b.serviceAccount(name, RoleFront, nil)
	b.frontPolicy()
	c := b.dataplane(RoleFront, nil)
	c.Ports = append([]corev1.ContainerPort{{Name: "http", ContainerPort: portHTTP}, {Name: "sink", ContainerPort: portSink}}, c.Ports...)
	if b.tells() {
		c.Ports = append(c.Ports, corev1.ContainerPort{Name: "scaler", ContainerPort: portScaler})
	}
	d := b.deployment(name, RoleFront, b.frontSidecar(), corev1.PodSpec{
		AutomountServiceAccountToken: ptr(false),
		Containers:                   []corev1.Container{c},
	})
	// A new front is ready before the old one goes: clients see no gap.
	d.Spec.Strategy = appsv1.DeploymentStrategy{Type: appsv1.RollingUpdateDeploymentStrategyType, RollingUpdate: &appsv1.RollingUpdateDeployment{
		MaxUnavailable: ptr(intstr.FromInt32(0)), MaxSurge: ptr(intstr.FromInt32(1)),
	}}
	service := &corev1.Service{TypeMeta: typeMeta("v1", "Service"), ObjectMeta: b.meta(name, RoleFront, nil)}
	service.Spec = corev1.ServiceSpec{
		Selector: b.labels(RoleFront, nil),
		Ports:    []corev1.ServicePort{servicePort("http", 80, portHTTP), servicePort("sink", portSink, portSink), servicePort("metrics", portMetrics, portMetrics)},
	}
	b.add(d, service)
	b.scalerService()
}
