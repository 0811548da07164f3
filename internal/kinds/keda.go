package kinds

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// KEDAAPI is the apiVersion of KEDA.
const KEDAAPI = "keda.sh/v1alpha1"

// MetricUtilization says that a trigger's value is in percent of a request.
const MetricUtilization = "Utilization"

// ScaledObject says on what KEDA scales a workload.
type ScaledObject struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              ScaledObjectSpec `json:"spec"`
}

// ScaledObjectSpec is that of a ScaledObject. Times are in seconds.
type ScaledObjectSpec struct {
	ScaleTargetRef  ScaleTarget `json:"scaleTargetRef"`
	PollingInterval *int32      `json:"pollingInterval,omitempty"`
	CooldownPeriod  *int32      `json:"cooldownPeriod,omitempty"`
	MinReplicaCount *int32      `json:"minReplicaCount,omitempty"`
	MaxReplicaCount *int32      `json:"maxReplicaCount,omitempty"`
	Advanced        *Advanced   `json:"advanced,omitempty"`
	Triggers        []Trigger   `json:"triggers"`
}

// ScaleTarget is the Deployment that is scaled.
type ScaleTarget struct {
	Name string `json:"name"`
}

// Advanced has how the HPA behaves that KEDA makes.
type Advanced struct {
	HPA HPAConfig `json:"horizontalPodAutoscalerConfig"`
}

// HPAConfig of a ScaledObject.
type HPAConfig struct {
	Behavior HPABehavior `json:"behavior"`
}

// HPABehavior is autoscaling/v2's.
type HPABehavior struct {
	ScaleDown HPARules `json:"scaleDown"`
}

// HPARules are autoscaling/v2's.
type HPARules struct {
	StabilizationWindowSeconds int32 `json:"stabilizationWindowSeconds"`
}

// Trigger is one thing that is scaled on.
type Trigger struct {
	Type              string             `json:"type"`
	Name              string             `json:"name,omitempty"`
	Metadata          map[string]string  `json:"metadata"`
	AuthenticationRef *AuthenticationRef `json:"authenticationRef,omitempty"`
	MetricType        string             `json:"metricType,omitempty"`
}

// AuthenticationRef names a TriggerAuthentication.
type AuthenticationRef struct {
	Name string `json:"name"`
}

// TriggerAuthentication says in which Secrets KEDA finds what a trigger needs.
type TriggerAuthentication struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              TriggerAuthenticationSpec `json:"spec"`
}

// TriggerAuthenticationSpec is that of a TriggerAuthentication.
type TriggerAuthenticationSpec struct {
	SecretTargetRef []SecretTargetRef `json:"secretTargetRef,omitempty"`
}

// SecretTargetRef says which key of a Secret is a trigger's parameter.
type SecretTargetRef struct {
	Parameter string `json:"parameter"`
	Name      string `json:"name"`
	Key       string `json:"key"`
}

// DeepCopyObject implements runtime.Object.
func (s *ScaledObject) DeepCopyObject() runtime.Object { return copyOf(s) }

// DeepCopyObject implements runtime.Object.
func (t *TriggerAuthentication) DeepCopyObject() runtime.Object { return copyOf(t) }
