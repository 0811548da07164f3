package kinds

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// The apiVersions of Dapr.
const (
	DaprAPI             = "dapr.io/v1alpha1"
	DaprSubscriptionAPI = "dapr.io/v2alpha1"
)

// Component is one of Dapr's.
type Component struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              ComponentSpec  `json:"spec"`
	Auth              *ComponentAuth `json:"auth,omitempty"`
	// Scopes are the app ids that see it.
	Scopes []string `json:"scopes,omitempty"`
}

// ComponentSpec is that of a Component.
type ComponentSpec struct {
	Type         string    `json:"type"`
	Version      string    `json:"version"`
	IgnoreErrors bool      `json:"ignoreErrors,omitempty"`
	InitTimeout  string    `json:"initTimeout,omitempty"`
	Metadata     []Setting `json:"metadata"`
}

// ComponentAuth names the secret store of a Component's references.
type ComponentAuth struct {
	SecretStore string `json:"secretStore"`
}

// Setting is one item of a Component's metadata.
type Setting struct {
	Name         string     `json:"name"`
	Value        *string    `json:"value,omitempty"`
	SecretKeyRef *SecretKey `json:"secretKeyRef,omitempty"`
	EnvRef       string     `json:"envRef,omitempty"`
}

// SecretKey names a key of a secret.
type SecretKey struct {
	Name string `json:"name"`
	Key  string `json:"key"`
}

// Subscription has a topic's messages sent to an app.
type Subscription struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              SubscriptionSpec `json:"spec"`
	Scopes            []string         `json:"scopes,omitempty"`
}

// SubscriptionSpec is that of a Subscription.
type SubscriptionSpec struct {
	Pubsubname string `json:"pubsubname"`
	Topic      string `json:"topic"`
	Routes     Routes `json:"routes"`
}

// Routes has the path that messages go to.
type Routes struct {
	Default string `json:"default"`
}

// Resiliency says how often Dapr tries.
type Resiliency struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`
	Spec              ResiliencySpec `json:"spec"`
	Scopes            []string       `json:"scopes,omitempty"`
}

// ResiliencySpec is that of a Resiliency.
type ResiliencySpec struct {
	Policies ResiliencyPolicies `json:"policies"`
	Targets  ResiliencyTargets  `json:"targets"`
}

// ResiliencyPolicies are those that targets name.
type ResiliencyPolicies struct {
	Retries map[string]RetryPolicy `json:"retries,omitempty"`
}

// RetryPolicy is one of Dapr's; MaxRetries -1 is without end.
type RetryPolicy struct {
	Policy      string `json:"policy"`
	Duration    string `json:"duration,omitempty"`
	MaxInterval string `json:"maxInterval,omitempty"`
	MaxRetries  int    `json:"maxRetries"`
}

// ResiliencyTargets are components by name.
type ResiliencyTargets struct {
	Components map[string]ComponentPolicies `json:"components,omitempty"`
}

// ComponentPolicies are those of what comes from a component.
type ComponentPolicies struct {
	Inbound PolicyNames `json:"inbound"`
}

// PolicyNames names policies.
type PolicyNames struct {
	Retry string `json:"retry,omitempty"`
}

// DeepCopyObject implements runtime.Object.
func (r *Resiliency) DeepCopyObject() runtime.Object { return copyOf(r) }

// DeepCopyObject implements runtime.Object.
func (c *Component) DeepCopyObject() runtime.Object { return copyOf(c) }

// DeepCopyObject implements runtime.Object.
func (s *Subscription) DeepCopyObject() runtime.Object { return copyOf(s) }
