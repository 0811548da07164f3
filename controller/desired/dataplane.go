package desired

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/mesh"
)

// What front and dispatchers agree on with weft-dataplane: the ports they serve
// at and the directories they read.
const (
	portHTTP    int32 = 8080
	portSink    int32 = 8081
	portMetrics int32 = 9090

	dirMesh    = "/etc/weft/mesh"
	dirTokens  = "/etc/weft/tokens"
	dirSecrets = "/etc/weft/secrets"

	volumeMesh    = "mesh"
	volumeTokens  = "tokens"
	volumeSecrets = "secret-"

	// drain is how long calls under way may take at least when a pod ends, and
	// grace how long it may take beside: a front goes on serving for a while, and
	// what is left goes back to its queue. In seconds.
	drain, grace = 30, 30
)

// drains is how long a dispatcher lets calls finish: as long as any may take, so
// that none is made again because of a shutdown. f is the one function that it
// is for; nil for all.
func (b *builder) drains(f *mesh.Function) int64 {
	most := int64(drain)
	for _, other := range b.plan.Functions {
		if f == other || f == nil {
			most = max(most, int64(wholeSeconds(other.Timeout)))
		}
	}
	return most
}

// dataplane is a container of weft-dataplane, for one function (f) or for all.
func (b *builder) dataplane(role string, f *mesh.Function, args ...string) corev1.Container {
	c := corev1.Container{
		Name: role, Image: b.settings.Dataplane, Args: append([]string{role}, args...),
		Env:   b.otel(b.plan.Name + "-" + role),
		Ports: []corev1.ContainerPort{{Name: "metrics", ContainerPort: portMetrics}},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m"), corev1.ResourceMemory: resource.MustParse("64Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
		},
		SecurityContext: restricted(),
		ReadinessProbe:  httpProbe(contract.PathReadiness, portMetrics),
		LivenessProbe:   httpProbe(contract.PathLiveness, portMetrics),
		VolumeMounts: []corev1.VolumeMount{
			tmpMount(), {Name: volumeMesh, MountPath: dirMesh, ReadOnly: true}, {Name: volumeTokens, MountPath: dirTokens, ReadOnly: true},
		},
	}
	if d := b.drains(f); d > drain {
		c.Args = append(c.Args, fmt.Sprintf("--drain=%ds", d))
	}
	if b.keeper.Name != "" {
		c.Args = append(c.Args, "--keeper="+b.keeper.Name)
	}
	c.ReadinessProbe.PeriodSeconds = 2
	for _, s := range b.mountedSecrets() {
		c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: secretVolume(s.name), MountPath: dirSecrets + "/" + s.name, ReadOnly: true})
	}
	return c
}

// dataplaneVolumes are what dataplane mounts, but for /tmp. A pod waits for a
// token that is not there yet.
func (b *builder) dataplaneVolumes(role string) []corev1.Volume {
	tokens := &corev1.SecretVolumeSource{SecretName: TokensName(b.plan.Name)}
	for _, f := range b.plan.Functions {
		tokens.Items = append(tokens.Items, corev1.KeyToPath{Key: f.KubeName, Path: f.KubeName})
	}
	if key := (corev1.KeyToPath{Key: RoleFront, Path: RoleFront}); role == RoleFront && len(b.frontUses()) > 0 && !slices.Contains(tokens.Items, key) {
		tokens.Items = append(tokens.Items, key) // its sidecar shows it
	}
	volumes := []corev1.Volume{
		{Name: volumeMesh, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
			LocalObjectReference: corev1.LocalObjectReference{Name: MeshConfigName(b.plan.Name)},
		}}},
		{Name: volumeTokens, VolumeSource: corev1.VolumeSource{Secret: tokens}},
	}
	for _, s := range b.mountedSecrets() {
		volumes = append(volumes, corev1.Volume{Name: secretVolume(s.name), VolumeSource: corev1.VolumeSource{
			Secret: &corev1.SecretVolumeSource{SecretName: s.name, Items: s.keys},
		}})
	}
	return volumes
}

// secretVolume is the name of a Secret's volume; it has no dots, which a
// Secret's may have.
func secretVolume(secret string) string {
	name := volumeSecrets + secret
	if strings.Contains(name, ".") {
		name = strings.ReplaceAll(name, ".", "-") + "-" + shortHash(secret)
	}
	return shorten(name, maxName)
}

// mountedSecret is a Secret with those of its keys that are used.
type mountedSecret struct {
	name string
	keys []corev1.KeyToPath
}

// mountedSecrets are those that the components of front and dispatchers refer
// to.
func (b *builder) mountedSecrets() []mountedSecret {
	keys := make(map[string][]string)
	for _, c := range b.ownComponents() {
		for _, m := range c.Metadata {
			if ref := m.SecretKeyRef; ref != nil {
				keys[ref.Name] = append(keys[ref.Name], cmp.Or(ref.Key, ref.Name))
			}
		}
	}
	var all []mountedSecret
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		s := mountedSecret{name: name}
		slices.Sort(keys[name])
		for _, key := range slices.Compact(keys[name]) {
			s.keys = append(s.keys, corev1.KeyToPath{Key: key, Path: key})
		}
		all = append(all, s)
	}
	return all
}

// deployment of front or dispatchers.
func (b *builder) deployment(name, role string, notes map[string]string, pod corev1.PodSpec) *appsv1.Deployment {
	pod.ServiceAccountName, pod.EnableServiceLinks = name, ptr(false)
	pod.TerminationGracePeriodSeconds = ptr(b.drains(nil) + grace)
	pod.Volumes = append([]corev1.Volume{tmp()}, b.dataplaneVolumes(role)...)
	d := &appsv1.Deployment{TypeMeta: typeMeta("apps/v1", "Deployment"), ObjectMeta: b.meta(name, role, nil)}
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: b.labels(role, nil)}
	d.Spec.Template = corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{
			Labels: b.labels(role, nil), Annotations: annotations(map[string]string{AnnotationMeshHash: b.hash}, notes),
		},
		Spec: pod,
	}
	return d
}

func servicePort(name string, port, target int32) corev1.ServicePort {
	return corev1.ServicePort{Name: name, Port: port, TargetPort: intstr.FromInt32(target)}
}

// dispatchers desires those beside the front's. They are for backlogs: the front
// takes what comes in ordinary.
func (b *builder) dispatchers() {
	if !b.queued() && b.found.ForeignScaler == "" {
		return
	}
	name := b.dispatcherName()
	b.serviceAccount(name, RoleDispatcher, nil)
	b.dispatcherPolicy()
	b.add(b.deployment(name, RoleDispatcher, nil, corev1.PodSpec{
		AutomountServiceAccountToken: ptr(false),
		Containers:                   []corev1.Container{b.dataplane(RoleDispatcher, nil)},
	}))
}
