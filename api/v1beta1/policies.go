package v1beta1

import (
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Policies hold for every function and link that does not say otherwise.
type Policies struct {
	// +optional
	Scaling Scaling `json:"scaling,omitempty"`
	// +optional
	Retry Retry `json:"retry,omitempty"`
	// +optional
	Timeout TimeoutPolicy `json:"timeout,omitempty"`
	// +optional
	CircuitBreaker CircuitBreaker `json:"circuitBreaker,omitempty"`
	// Access says who may call what; nothing declared is denied for calls by
	// service and name.
	// +optional
	Access *Access `json:"access,omitempty"`
}

// Scaling says how many replicas of a function run.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas`,message="minReplicas is more than maxReplicas; lower it, or raise maxReplicas",fieldPath=".minReplicas"
type Scaling struct {
	// MinReplicas, 0 by default: the function goes to zero when idle.
	// +kubebuilder:validation:Minimum=0
	// +optional
	MinReplicas *int32 `json:"minReplicas,omitempty"`
	// MaxReplicas, 10 by default.
	// +kubebuilder:validation:Minimum=1
	// +optional
	MaxReplicas *int32 `json:"maxReplicas,omitempty"`
	// TargetCPU in percent of the CPU request (cluster only).
	// +kubebuilder:validation:Minimum=1
	// +optional
	TargetCPU *int32 `json:"targetCPU,omitempty"`
	// TargetMemory in percent of the memory request (cluster only).
	// +kubebuilder:validation:Minimum=1
	// +optional
	TargetMemory *int32 `json:"targetMemory,omitempty"`
	// TargetConcurrency is the number of calls in flight that one replica
	// should have; 70 % of concurrency by default, as Knative's.
	// +kubebuilder:validation:Minimum=1
	// +optional
	TargetConcurrency *int32 `json:"targetConcurrency,omitempty"`
	// TargetQueueLength is the number of waiting events that calls for one
	// replica more, for scaler keda.
	// +kubebuilder:validation:Minimum=1
	// +optional
	TargetQueueLength *int32 `json:"targetQueueLength,omitempty"`
	// Cron keeps a number of replicas at times of the day, for scaler keda
	// (cluster only).
	// +kubebuilder:validation:MaxItems=20
	// +optional
	// +listType=atomic
	Cron []CronScaling `json:"cron,omitempty"`
	// Prometheus scales on the results of queries, for scaler keda (cluster
	// only).
	// +kubebuilder:validation:MaxItems=20
	// +optional
	// +listType=atomic
	Prometheus []PrometheusScaling `json:"prometheus,omitempty"`
}

// CronScaling keeps a number of replicas between two times.
//
// +kubebuilder:validation:XValidation:rule=`self.start != self.end`,message="end is start too: nothing lies between them",fieldPath=".end"
// +kubebuilder:validation:XValidation:rule=`!self.start.startsWith('@') && !self.end.startsWith('@')`,message="start and end are times of the day; write them as 0 8 * * 1-5"
type CronScaling struct {
	// Start and End are cron expressions of five fields.
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=256
	Start string `json:"start"`
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=256
	End string `json:"end"`
	// TimeZone of both, UTC by default.
	// +optional
	TimeZone string `json:"timeZone,omitempty"`
	// Replicas that there are at least between the two.
	// +kubebuilder:validation:Minimum=1
	Replicas int32 `json:"replicas"`
}

// PrometheusScaling scales on the result of a query.
type PrometheusScaling struct {
	// ServerAddress of Prometheus, such as http://prometheus:9090.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^https?://[^/?#]+`
	ServerAddress string `json:"serverAddress"`
	// Query in PromQL that gives one number.
	// +kubebuilder:validation:MinLength=1
	Query string `json:"query"`
	// Threshold is the result for each replica: above it there is one replica
	// more.
	Threshold resource.Quantity `json:"threshold"`
}

// Backoff is how the pause between two attempts grows.
// +kubebuilder:validation:Enum=exponential;linear;constant
type Backoff string

// The backoffs: the nth pause is initialInterval * 2^(n-1), * n, or * 1.
const (
	BackoffExponential Backoff = "exponential"
	BackoffLinear      Backoff = "linear"
	BackoffConstant    Backoff = "constant"
)

// Retry says how often and when a failed call is made again.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.initialInterval) || !has(self.maxInterval) || duration(self.initialInterval) <= duration(self.maxInterval)`,message="initialInterval is more than maxInterval; lower it, or raise maxInterval",fieldPath=".initialInterval"
type Retry struct {
	// MaxAttempts counts the first try; 3 by default, 1 means no retry.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=100
	// +optional
	MaxAttempts *int32 `json:"maxAttempts,omitempty"`
	// Backoff is exponential by default.
	// +optional
	Backoff Backoff `json:"backoff,omitempty"`
	// InitialInterval is the first pause, 1s by default.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	// +optional
	InitialInterval *metav1.Duration `json:"initialInterval,omitempty"`
	// MaxInterval bounds a pause, 30s by default.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	// +optional
	MaxInterval *metav1.Duration `json:"maxInterval,omitempty"`
}

// TimeoutPolicy bounds the time of one call.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.default) || duration(self.default) > duration('0s')`,message="default is not more than 0",fieldPath=".default"
// +kubebuilder:validation:XValidation:rule=`!has(self.max) || duration(self.max) > duration('0s')`,message="max is not more than 0",fieldPath=".max"
// +kubebuilder:validation:XValidation:rule=`!has(self.default) || duration(self.default) <= duration(has(self.max) ? self.max : '300s')`,message="default is more than max, 300s if left out; lower it, or raise max",fieldPath=".default"
type TimeoutPolicy struct {
	// Default is 30s.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	// +optional
	Default *metav1.Duration `json:"default,omitempty"`
	// Max is 300s: no function may ask for more.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	// +optional
	Max *metav1.Duration `json:"max,omitempty"`
}

// CircuitBreaker stops calls to a function that keeps failing.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.recoveryTimeout) || duration(self.recoveryTimeout) > duration('0s')`,message="recoveryTimeout is not more than 0",fieldPath=".recoveryTimeout"
type CircuitBreaker struct {
	// FailureThreshold is the number of distinct events that must fail one
	// after another; 5 by default.
	// +kubebuilder:validation:Minimum=1
	// +optional
	FailureThreshold *int32 `json:"failureThreshold,omitempty"`
	// RecoveryTimeout is how long calls stop before one probe; 60s by
	// default.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	// +optional
	RecoveryTimeout *metav1.Duration `json:"recoveryTimeout,omitempty"`
}

// Access says who may call functions by service and name, and who may use
// routes.
type Access struct {
	// Rules are tried in order; the first whose service and function match
	// decides. No rule: denied.
	// +kubebuilder:validation:MaxItems=300
	// +optional
	// +listType=atomic
	Rules []AccessRule `json:"rules,omitempty"`
}

// AccessRule allows calls of a function by service and name where its CEL
// expression is true.
type AccessRule struct {
	// Service the rule is for; * for all.
	// +kubebuilder:validation:MinLength=1
	Service string `json:"service"`
	// Function the rule is for; * for all.
	// +optional
	Function string `json:"function,omitempty"`
	// Allow is a CEL expression over auth (the caller's claims), params and
	// caller.
	// +kubebuilder:validation:MinLength=1
	Allow string `json:"allow"`
}
