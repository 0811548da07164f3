package desired

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/weftmesh/weft/api/v1beta1"
)

// front desires the way into the mesh: gateway and sink, triggers, and a
// dispatcher. It is always there, and nobody scales it but by hand.
func (b *builder) front() {
	name := FrontName(b.plan.Name)
	b.serviceAccount(name, RoleFront, nil)
	b.frontPolicy()
	leases := b.leases()
	if leases {
		b.leaseRole(name)
	}
	c := b.dataplane(RoleFront, nil)
	c.Ports = append([]corev1.ContainerPort{{Name: "http", ContainerPort: portHTTP}, {Name: "sink", ContainerPort: portSink}}, c.Ports...)
	if b.tells() {
		c.Ports = append(c.Ports, corev1.ContainerPort{Name: "scaler", ContainerPort: portScaler})
	}
	if leases {
		for env, field := range map[string]string{"POD_NAME": "metadata.name", "POD_NAMESPACE": "metadata.namespace"} {
			c.Env = append(c.Env, corev1.EnvVar{Name: env, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: field}}})
		}
		slices.SortFunc(c.Env, func(x, y corev1.EnvVar) int { return slices.Compare([]byte(x.Name), []byte(y.Name)) })
	}
	d := b.deployment(name, RoleFront, b.frontSidecar(), corev1.PodSpec{
		AutomountServiceAccountToken: ptr(leases),
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

// leases says whether some trigger runs in one front only: of several, the one
// that holds a Lease.
func (b *builder) leases() bool {
	for _, f := range b.plan.Functions {
		for _, t := range f.Triggers {
			if t.Type == v1beta1.TriggerCron || t.Type == v1beta1.TriggerPostgres {
				return true
			}
		}
	}
	return false
}

// leaseRole lets the front hold its Lease. RBAC cannot bind create to a name.
func (b *builder) leaseRole(name string) {
	role := &rbacv1.Role{TypeMeta: typeMeta("rbac.authorization.k8s.io/v1", "Role"), ObjectMeta: b.meta(name, RoleFront, nil)}
	lease := []string{"leases"}
	group := []string{"coordination.k8s.io"}
	role.Rules = []rbacv1.PolicyRule{
		{APIGroups: group, Resources: lease, Verbs: []string{"create"}},
		{APIGroups: group, Resources: lease, ResourceNames: []string{name}, Verbs: []string{"get", "update"}},
	}
	binding := &rbacv1.RoleBinding{TypeMeta: typeMeta("rbac.authorization.k8s.io/v1", "RoleBinding"), ObjectMeta: b.meta(name, RoleFront, nil)}
	binding.RoleRef = rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "Role", Name: name}
	binding.Subjects = []rbacv1.Subject{{Kind: "ServiceAccount", Name: name, Namespace: b.plan.Namespace}}
	b.add(role, binding)
}
