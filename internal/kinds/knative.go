package kinds

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// KnativeAPI is the apiVersion of Knative Serving.
const KnativeAPI = "serving.knative.dev/v1"

// Labels of Knative.
const (
	// LabelVisibility keeps a Service within the cluster if it is
	// VisibilityCluster.
	LabelVisibility   = "networking.knative.dev/visibility"
	VisibilityCluster = "cluster-local"
	// LabelService of a revision is the Service that it belongs to.
	LabelService = "serving.knative.dev/service"
)

// Annotations of a revision by which Knative scales it, and begins with it, and
// their values.
const (
	AnnotationClass             = "autoscaling.knative.dev/class"
	AnnotationMetric            = "autoscaling.knative.dev/metric"
	AnnotationTarget            = "autoscaling.knative.dev/target"
	AnnotationTargetUtilization = "autoscaling.knative.dev/target-utilization-percentage"
	AnnotationInitialScale      = "autoscaling.knative.dev/initial-scale"
	AnnotationMinScale          = "autoscaling.knative.dev/min-scale"
	AnnotationMaxScale          = "autoscaling.knative.dev/max-scale"

	AnnotationProgressDeadline = "serving.knative.dev/progress-deadline"

	ClassKPA = "kpa.autoscaling.knative.dev"
	ClassHPA = "hpa.autoscaling.knative.dev"

	MetricConcurrency = "concurrency"
	MetricCPU         = "cpu"
	MetricMemory      = "memory"
)

// KnativeService is a Service of Knative Serving.
type KnativeService struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              KnativeServiceSpec `json:"spec"`
}

// KnativeServiceSpec has the template of revisions and the shares of calls that
// they get; none means all to the latest.
type KnativeServiceSpec struct {
	Template RevisionTemplate `json:"template"`
	Traffic  []TrafficTarget  `json:"traffic,omitempty"`
}

// Configuration makes revisions of a template.
type Configuration struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              ConfigurationSpec `json:"spec"`
}

// ConfigurationSpec has the template.
type ConfigurationSpec struct {
	Template RevisionTemplate `json:"template"`
}

// RevisionTemplate is what a revision is made of.
type RevisionTemplate struct {
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              RevisionSpec `json:"spec"`
}

// RevisionSpec is a pod's, with how it is called. Times are in seconds.
type RevisionSpec struct {
	corev1.PodSpec              `json:",inline"`
	ContainerConcurrency        *int64 `json:"containerConcurrency,omitempty"`
	TimeoutSeconds              *int64 `json:"timeoutSeconds,omitempty"`
	ResponseStartTimeoutSeconds *int64 `json:"responseStartTimeoutSeconds,omitempty"`
}

// TrafficTarget is the share of a revision.
type TrafficTarget struct {
	Tag            string `json:"tag,omitempty"`
	RevisionName   string `json:"revisionName,omitempty"`
	LatestRevision *bool  `json:"latestRevision,omitempty"`
	Percent        *int64 `json:"percent,omitempty"`
}

// DeepCopyObject implements runtime.Object.
func (s *KnativeService) DeepCopyObject() runtime.Object { return copyOf(s) }

// DeepCopyObject implements runtime.Object.
func (c *Configuration) DeepCopyObject() runtime.Object { return copyOf(c) }
