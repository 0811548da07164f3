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

// DeepCopyObject implements runtime.Object.
func (c *Component) DeepCopyObject() runtime.Object { return copyOf(c) }

// DeepCopyObject implements runtime.Object.
func (s *Subscription) DeepCopyObject() runtime.Object { return copyOf(s) }
