package desired

import (
	"fmt"
	"math"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weftmesh/weft/internal/kinds"
	"github.com/weftmesh/weft/mesh"
)

// maxTimeout is the longest that Knative lets a call take
// (max-revision-timeout-seconds of config-defaults).
const maxTimeout = 600 * time.Second

// knativeService desires the Service of a function, and a Configuration for each
// of its traffic's images.
func (b *builder) knativeService(f *mesh.Function) {
	template := b.template(f, f.Spec.Image)
	service := &kinds.KnativeService{TypeMeta: typeMeta(kinds.KnativeAPI, "Service"), ObjectMeta: b.meta(f.Service, RoleFunction, f)}
	// The front is the only way in.
	service.Labels[kinds.LabelVisibility] = kinds.VisibilityCluster
	service.Spec.Template = template
	service.Spec.Traffic = b.traffic(f)
	b.add(service)
	if needsFieldRef(f) {
		b.note(Note{Function: f.Name, Path: at(f, "env"), Type: TypeRunnable, Reason: "FieldRef",
			Message: "Knative takes fieldRef and resourceFieldRef only with kubernetes.podspec-fieldref: enabled in its ConfigMap config-features"})
	}
}

// template of a function's revisions, with one of its images.
func (b *builder) template(f *mesh.Function, image string) kinds.RevisionTemplate {
	c := b.container(f, image, nil)
	// Knative knows the port, and asks in its own, much shorter, intervals as
	// long as none is set.
	c.ReadinessProbe, c.LivenessProbe = probes(f, 0)
	timeout := b.timeoutSeconds(f)
	return kinds.RevisionTemplate{
		ObjectMeta: metav1.ObjectMeta{
			Labels:      b.podLabels(f),
			Annotations: annotations(b.autoscaling(f), b.daprAnnotations(f), progressDeadline(f), f.Spec.Annotations),
		},
		Spec: kinds.RevisionSpec{
			PodSpec: corev1.PodSpec{
				ServiceAccountName: account(f), AutomountServiceAccountToken: ptr(false), EnableServiceLinks: ptr(false),
				Containers: []corev1.Container{c},
			},
			ContainerConcurrency: ptr(int64(f.Concurrency)),
			TimeoutSeconds:       timeout, ResponseStartTimeoutSeconds: timeout,
		},
	}
}

// progressDeadline has Knative give up a revision that is not ready in time.
func progressDeadline(f *mesh.Function) map[string]string {
	if f.Spec.StartTimeout == nil {
		return nil
	}
	return map[string]string{kinds.AnnotationProgressDeadline: strconv.Itoa(wholeSeconds(f.Spec.StartTimeout.Duration)) + "s"}
}

// wholeSeconds rounds up.
func wholeSeconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// timeoutSeconds of a call; Knative has no shorter ones than a second.
func (b *builder) timeoutSeconds(f *mesh.Function) *int64 {
	timeout := f.Timeout
	if timeout > maxTimeout {
		timeout = maxTimeout
		b.once(Note{Function: f.Name, Path: at(f, "timeout"), Type: TypeRunnable, Reason: "Timeout",
			Message: fmt.Sprintf("Knative ends a call after %s at most; use scaler: keda for one that takes longer", maxTimeout)})
	}
	return ptr(int64(wholeSeconds(timeout)))
}

func portText(port int32) string { return strconv.Itoa(int(port)) }
