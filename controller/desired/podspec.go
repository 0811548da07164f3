package desired

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/gateway"
)

// Names and ports in pods.
const (
	// containerFunction is the function's own container.
	containerFunction = "function"

	// defaultPort is a function's, where no trigger names one.
	defaultPort = 8080

	volumeTmp = "tmp"

	// EnvToken holds the function's token, for other variables to refer to.
	EnvToken = "WEFT_TOKEN"
)

// restricted is the security context that Kubernetes' restricted profile asks
// for (https://kubernetes.io/docs/concepts/security/pod-security-standards). It
// stands at the containers, as Knative takes none at the pod.
func restricted() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		RunAsNonRoot:             ptr(true),
		AllowPrivilegeEscalation: ptr(false),
		ReadOnlyRootFilesystem:   ptr(true),
		Capabilities:             &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile:           &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

// writable is restricted for a function's container, whose /tmp is its image's own
// (Knative's runtime contract has a function write there). A volume for it would
// cost every cold start a third of a second: the kubelet looks whether volumes
// are there once and then every 300 ms (podAttachAndMountRetryInterval in
// k8s.io/kubernetes/pkg/kubelet/volumemanager), and the first time is too early.
// The restricted profile does not ask for a root file system that is read-only,
// and what the image gives to nobody, nobody writes: it does not run as root.
func writable() *corev1.SecurityContext {
	s := restricted()
	s.ReadOnlyRootFilesystem = nil
	return s
}

// tmp is the one place where front and dispatchers may write.
func tmp() corev1.Volume {
	return corev1.Volume{Name: volumeTmp, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
}

func tmpMount() corev1.VolumeMount { return corev1.VolumeMount{Name: volumeTmp, MountPath: "/tmp"} }

func httpProbe(path string, port int32) *corev1.Probe {
	get := &corev1.HTTPGetAction{Path: path}
	if port > 0 {
		get.Port = intstr.FromInt32(port)
	}
	return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: get}}
}

// probes of the function's container: the contract's paths, or the function's
// own. port is 0 where Knative puts it in.
func probes(f *mesh.Function, port int32) (ready, alive *corev1.Probe) {
	path := func(own *v1beta1.Probe, path string) string {
		if own != nil {
			return own.HTTPGet.Path
		}
		return path
	}
	return httpProbe(path(f.Spec.ReadinessProbe, contract.PathReadiness), port), httpProbe(path(f.Spec.LivenessProbe, contract.PathLiveness), port)
}

// account is the ServiceAccount of the function's pods.
func account(f *mesh.Function) string {
	if f.Spec.ServiceAccountName != "" {
		return f.Spec.ServiceAccountName
	}
	return f.Service
}

// podLabels are the function's own and, over them, those that it is found by.
func (b *builder) podLabels(f *mesh.Function) map[string]string {
	return annotations(f.Spec.Labels, b.labels(RoleFunction, f))
}

// portOf is where the function's container serves.
func portOf(f *mesh.Function) int32 {
	for _, t := range f.Triggers {
		if t.Port != nil {
			return *t.Port
		}
	}
	return defaultPort
}

// container is the function's own. Its image is what the mesh says, or one of
// traffic.
func (b *builder) container(f *mesh.Function, image string, own []corev1.EnvVar) corev1.Container {
	return corev1.Container{
		Name: containerFunction, Image: image,
		Ports:           []corev1.ContainerPort{{ContainerPort: portOf(f)}},
		Env:             merge(b.contract(f), own, f.Env),
		EnvFrom:         f.Spec.EnvFrom,
		Resources:       f.Resources,
		SecurityContext: writable(),
	}
}

// contract is the environment that an engine owes a function, but for what
// Knative itself sets.
func (b *builder) contract(f *mesh.Function) []corev1.EnvVar {
	token := &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: TokensName(b.plan.Name)}, Key: f.KubeName,
	}}
	env := []corev1.EnvVar{
		{Name: EnvToken, ValueFrom: token},
		{Name: contract.EnvSink, Value: "http://" + b.host(FrontName(b.plan.Name)) + ":" + portText(portSink) + gateway.SinkPath + "$(" + EnvToken + ")"},
		{Name: contract.EnvTarget, Value: f.Name},
		{Name: contract.EnvTimeout, Value: f.Timeout.String()},
	}
	env = append(env, b.otel(f.Service)...)
	if b.sidecar(f) {
		env = append(env,
			corev1.EnvVar{Name: contract.EnvDaprGRPC, Value: "http://127.0.0.1:50001"},
			corev1.EnvVar{Name: contract.EnvDaprHTTP, Value: "http://127.0.0.1:3500"},
			corev1.EnvVar{Name: contract.EnvDaprToken, ValueFrom: token},
		)
	}
	return env
}

func (b *builder) otel(service string) []corev1.EnvVar {
	if b.settings.OTLPEndpoint == "" {
		return nil
	}
	return []corev1.EnvVar{
		{Name: contract.EnvOTLPEndpoint, Value: b.settings.OTLPEndpoint}, {Name: contract.EnvOTelService, Value: service},
	}
}

// host is the name of a Service within the cluster.
func (b *builder) host(service string) string {
	return service + "." + b.plan.Namespace + ".svc.cluster.local"
}

// fixed are the variables that a mesh cannot set otherwise.
var fixed = []string{EnvToken, contract.EnvSink, contract.EnvTarget}

// merge puts environments behind each other: of two variables of a name the
// later counts, but for fixed ones.
func merge(lists ...[]corev1.EnvVar) []corev1.EnvVar {
	var env []corev1.EnvVar
	for _, list := range lists {
		for _, v := range list {
			i := slices.IndexFunc(env, func(e corev1.EnvVar) bool { return e.Name == v.Name })
			switch {
			case i < 0:
				env = append(env, v)
			case !slices.Contains(fixed, v.Name):
				env[i] = v
			}
		}
	}
	return env
}

// needsFieldRef says whether the function's environment asks for what Knative
// gives only with a feature switched on.
func needsFieldRef(f *mesh.Function) bool {
	return slices.ContainsFunc(f.Env, func(v corev1.EnvVar) bool {
		return v.ValueFrom != nil && (v.ValueFrom.FieldRef != nil || v.ValueFrom.ResourceFieldRef != nil)
	})
}

// annotations, or labels, of several sources, the later ones over the earlier;
// nil if there are none.
func annotations(all ...map[string]string) map[string]string {
	var out map[string]string
	for _, one := range all {
		for k, v := range one {
			if out == nil {
				out = make(map[string]string)
			}
			out[k] = v
		}
	}
	return out
}
