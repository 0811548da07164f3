package v1beta1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AnnotationExample of a mesh is JSON that its first http trigger takes (or,
// if it has none, its first linked function): what the command line offers to
// send when the mesh is up.
const AnnotationExample = "weft.dev/example"

// FunctionMesh describes functions, what triggers them, how they are linked
// and under which policies.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=fm;mesh,categories=weft
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Functions",type=string,JSONPath=`.status.functionsReady`
// +kubebuilder:printcolumn:name="Links",type=integer,JSONPath=`.status.links`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:validation:XValidation:rule=`self.metadata.name.size() <= 52`,message="metadata.name is longer than 52 characters; shorten it: what the mesh consists of has longer names"
// +kubebuilder:validation:XValidation:rule=`self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')`,message="metadata.name is not a name for a mesh; use lower-case letters, digits and dashes, a letter first"
type FunctionMesh struct {
	metav1.TypeMeta `json:",inline"`
	// Metadata holds the name of the mesh, at most 52 characters, and its
	// namespace, default if left out.
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Spec is what the author of the mesh declares.
	Spec FunctionMeshSpec `json:"spec"`
	// Status is what the controller saw.
	// +optional
	Status FunctionMeshStatus `json:"status,omitempty"`
}

// FunctionMeshList is a list of meshes.
//
// +kubebuilder:object:root=true
type FunctionMeshList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []FunctionMesh `json:"items"`
}

// FunctionMeshSpec is what the author of a mesh declares.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.connections) || [self.functions.map(f, f.name.lowerAscii().replace('_', "").replace('-', ""))].all(names, self.connections.all(c, c.from.lowerAscii().replace('_', "").replace('-', "") in names && c.to.lowerAscii().replace('_', "").replace('-', "") in names))`,message="connections link functions that the mesh does not have; correct their from or to, or add the functions",fieldPath=".connections"
// +kubebuilder:validation:XValidation:rule=`self.functions.all(f, !has(f.timeout) || duration(f.timeout) <= duration(has(self.policies) && has(self.policies.timeout) && has(self.policies.timeout.max) ? self.policies.timeout.max : '300s'))`,message="a function's timeout is more than policies.timeout.max, 300s by default; lower it, or raise the maximum",fieldPath=".functions"
type FunctionMeshSpec struct {
	// Functions are the nodes of the mesh, at least one.
	// +kubebuilder:validation:MaxItems=200
	// +kubebuilder:validation:XValidation:rule=`[self.map(f, f.name.substring(0, 1).lowerAscii() + f.name.substring(1).replace('_', '-'))].all(names, names.all(n, names.exists_one(m, m == n)))`,message="two functions have the same name in kebab-case (ingest_order and ingest-order are both ingest-order), so Kubernetes could not tell them apart; rename one"
	// +kubebuilder:validation:MinItems=1
	// +listType=map
	// +listMapKey=name
	Functions []Function `json:"functions"`
	// Connections are the links between functions: what one outputs becomes
	// the input of the other.
	// +kubebuilder:validation:MaxItems=1000
	// +optional
	// +listType=atomic
	Connections []Connection `json:"connections,omitempty"`
	// Components are Dapr components declared inline; documents of kind
	// Component beside the mesh count as well.
	// +kubebuilder:validation:MaxItems=300
	// +optional
	// +listType=map
	// +listMapKey=name
	Components []Component `json:"components,omitempty"`
	// Broker names the Dapr pub/sub component that carries the links. Left
	// out: the embedded JetStream locally, the controller's default broker on
	// a cluster.
	// +optional
	Broker string `json:"broker,omitempty"`
	// Policies hold for every function and link that does not say otherwise.
	// +optional
	Policies Policies `json:"policies,omitempty"`
}

// Function is one node: an HTTP server on $PORT that takes an event or a
// request and gives an output.
//
// +kubebuilder:validation:XValidation:rule=`!has(self.timeout) || duration(self.timeout) > duration('0s')`,message="timeout is not more than 0",fieldPath=".timeout"
// +kubebuilder:validation:XValidation:rule=`!has(self.startTimeout) || duration(self.startTimeout) > duration('0s')`,message="startTimeout is not more than 0",fieldPath=".startTimeout"
type Function struct {
	// Name in any case; Kubernetes sees it in kebab-case (ingestOrder becomes
	// ingest-order). Two names with the same kebab-case are an error.
	// +kubebuilder:validation:Pattern=`^[A-Za-z]([-_A-Za-z0-9]*[A-Za-z0-9])?$`
	// +kubebuilder:validation:MaxLength=63
	Name string `json:"name"`
	// Image is where a build pushes and what a cluster runs.
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule=`self == "" || self.matches('^(?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[.]|_|__|-+)[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[a-z0-9+.]+:[0-9a-fA-F]{32,})?$')`,message="is not an image; write it as registry.example/orders/ingest:v1, in lower case before the tag"
	// +optional
	Image string `json:"image,omitempty"`
	// Source is the directory of the function's code, relative to the mesh
	// file. Locally the code is the first that exists of url, command, source
	// and ./functions/<kebab-name>.
	// +optional
	Source string `json:"source,omitempty"`
	// Command starts a server in any language that listens on $PORT.
	// +kubebuilder:validation:MinItems=1
	// +optional
	// +listType=atomic
	Command []string `json:"command,omitempty"`
	// URL attaches to a server that is already running, for debugging: the
	// local engine neither starts nor stops it.
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule=`self == "" || self.matches('^https?://[^/?#]+')`,message="is not an address; write it as http://127.0.0.1:8081"
	// +optional
	URL string `json:"url,omitempty"`
	// Scaler says what scales the function on a cluster.
	// +kubebuilder:validation:Enum=knative;keda
	// +kubebuilder:default=knative
	// +optional
	Scaler Scaler `json:"scaler,omitempty"`
	// Triggers call the function from outside the mesh.
	// +kubebuilder:validation:MaxItems=30
	// +kubebuilder:validation:XValidation:rule=`[self.filter(t, has(t.port)).map(t, t.port)].all(ports, ports.all(p, p == ports[0]))`,message="triggers name two ports: a function has one; give all the same, or leave it out"
	// +optional
	// +listType=atomic
	Triggers []Trigger `json:"triggers,omitempty"`
	// Env is the environment of the function. PORT, K_SERVICE, K_REVISION and
	// K_CONFIGURATION are the engine's (Knative runtime contract).
	// +kubebuilder:validation:MaxItems=300
	// +kubebuilder:validation:XValidation:rule=`self.all(e, !(e.name in ['PORT', 'K_SERVICE', 'K_REVISION', 'K_CONFIGURATION', 'K_SINK']))`,message="PORT, K_SERVICE, K_REVISION, K_CONFIGURATION and K_SINK are set by the engine; choose another name"
	// +kubebuilder:validation:XValidation:rule=`self.all(e, !has(e.valueFrom) || !has(e.value) || e.value == "")`,message="valueFrom stands beside value; keep one of them"
	// +optional
	// +listType=map
	// +listMapKey=name
	Env []corev1.EnvVar `json:"env,omitempty"`
	// EnvFrom adds what Secrets and ConfigMaps hold to the environment, each
	// key a variable. A later entry wins over an earlier one, and env over
	// all of them.
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:XValidation:rule=`self.all(e, has(e.secretRef) != has(e.configMapRef))`,message="must name exactly one of secretRef and configMapRef"
	// +optional
	// +listType=atomic
	EnvFrom []corev1.EnvFromSource `json:"envFrom,omitempty"`
	// Build says how the function's code is built.
	// +optional
	Build *Build `json:"build,omitempty"`
	// Labels of the function's pods, for a cluster.
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
	// Annotations of the function's pods, for a cluster.
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
	// ServiceAccountName is the account that the function's pods have on a
	// cluster, one of their own if left out. It must exist.
	// +optional
	ServiceAccountName string `json:"serviceAccountName,omitempty"`
	// ReadinessProbe says what is asked whether a replica takes calls,
	// /health/readiness by default. An answer of 5xx, but 501, means that it
	// does not.
	// +optional
	ReadinessProbe *Probe `json:"readinessProbe,omitempty"`
	// LivenessProbe says what a cluster asks whether a replica is to be
	// restarted, /health/liveness by default.
	// +optional
	LivenessProbe *Probe `json:"livenessProbe,omitempty"`
	// StartTimeout bounds the time from the start of a replica until it is
	// ready; 30s by default locally, Knative's progress deadline on a cluster.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	// +optional
	StartTimeout *metav1.Duration `json:"startTimeout,omitempty"`
	// Resources of the function's container; the local engine does not
	// enforce them.
	// +optional
	Resources corev1.ResourceRequirements `json:"resources,omitempty"`
	// State names the state components that the function may use. If no
	// function declares state or bindings, unscoped components are visible to
	// all; an empty list means none.
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +optional
	// +listType=set
	State []string `json:"state,omitzero"`
	// Bindings names the output bindings that the function may use.
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +optional
	// +listType=set
	Bindings []string `json:"bindings,omitzero"`
	// Calls names the functions, as service.function, that this one may call.
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:Pattern=`^[^.]+[.].+$`
	// +optional
	// +listType=set
	Calls []string `json:"calls,omitempty"`
	// Concurrency is the number of calls that one replica takes at once.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +optional
	Concurrency *int32 `json:"concurrency,omitempty"`
	// Timeout of one call, at most policies.timeout.max.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	// +optional
	Timeout *metav1.Duration `json:"timeout,omitempty"`
	// Scaling over policies.scaling, field by field.
	// +optional
	Scaling *Scaling `json:"scaling,omitempty"`
	// Retry over policies.retry, field by field.
	// +optional
	Retry *Retry `json:"retry,omitempty"`
	// CircuitBreaker over policies.circuitBreaker, field by field.
	// +optional
	CircuitBreaker *CircuitBreaker `json:"circuitBreaker,omitempty"`
	// Traffic sends a share of the calls to other images, by tagged revision;
	// what is left goes to image.
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:XValidation:rule=`self.map(t, t.percent).sum() <= 100`,message="percent in all is more than 100; lower the shares, what is left goes to image"
	// +kubebuilder:validation:XValidation:rule=`self.all(t, !has(t.tag) || self.exists_one(o, has(o.tag) && o.tag == t.tag))`,message="two targets have the same tag; rename one"
	// +optional
	// +listType=atomic
	Traffic []TrafficTarget `json:"traffic,omitempty"`
}

// Build says how a function's code is built.
type Build struct {
	// Env is added to the environment of the go command, and wins over it:
	// GOFLAGS, GOPRIVATE, GOEXPERIMENT and the like.
	// +kubebuilder:validation:MaxItems=100
	// +kubebuilder:validation:XValidation:rule=`self.all(e, !(e.name in ['GOOS', 'GOARCH']))`,message="GOOS and GOARCH are the platform's: choose it with weft build --platform"
	// +optional
	// +listType=map
	// +listMapKey=name
	Env []BuildVariable `json:"env,omitempty"`
}

// BuildVariable is a variable of the go command's environment.
type BuildVariable struct {
	// Name of the variable; GOOS and GOARCH are the platform's.
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// Value of the variable.
	// +optional
	Value string `json:"value,omitempty"`
}

// Probe is what of a core/v1 Probe a function may set.
type Probe struct {
	// HTTPGet is a request to the function's port.
	HTTPGet HTTPGet `json:"httpGet"`
}

// HTTPGet is what of a core/v1 HTTPGetAction a probe may set.
type HTTPGet struct {
	// Path of the request.
	// +kubebuilder:validation:Pattern=`^/`
	Path string `json:"path"`
}

// Scaler names what scales a function on a cluster.
type Scaler string

// The scalers.
const (
	ScalerKnative Scaler = "knative"
	ScalerKEDA    Scaler = "keda"
)

// TrafficTarget sends a share of a function's calls to another image.
type TrafficTarget struct {
	// Image that gets the share.
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:MinLength=1
	Image string `json:"image"`
	// Percent of the calls; all targets together at most 100.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	Percent int32 `json:"percent"`
	// Tag under which the revision can be called on its own.
	// +kubebuilder:validation:Pattern=`^[a-z]([-a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Tag string `json:"tag,omitempty"`
}

// Connection is a link: the output of From becomes an input of To.
//
// +kubebuilder:validation:XValidation:rule=`self.from.replace('_', '-') != self.to.replace('_', '-')`,message="a function is linked to itself; link it to another, or leave trying again to retry",fieldPath=".to"
type Connection struct {
	// From is the function whose output travels.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	From string `json:"from"`
	// To is the function that receives it.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	To string `json:"to"`
	// Condition is a CEL expression over status ('success' or 'error'),
	// result (the output's data), error (text) and event (attributes). Left
	// out it is status == 'success'.
	// +kubebuilder:validation:MaxLength=4096
	// +optional
	Condition string `json:"condition,omitempty"`
	// Retry over the target's retry, field by field.
	// +optional
	Retry *Retry `json:"retry,omitempty"`
}

// Component is a Dapr component declared inline (dapr.io/v1alpha1).
//
// +kubebuilder:validation:XValidation:rule=`!has(self.initTimeout) || duration(self.initTimeout) > duration('0s')`,message="initTimeout is not more than 0",fieldPath=".initTimeout"
type Component struct {
	// Name by which functions and the mesh refer to the component.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$`
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
	// Type such as state.redis, pubsub.jetstream or bindings.smtp.
	// +kubebuilder:validation:Pattern=`^[^.\s]+\.\S+$`
	Type string `json:"type"`
	// Version of the component's type, v1 by default.
	// +kubebuilder:default=v1
	// +optional
	Version string `json:"version,omitempty"`
	// Metadata are the component's settings, as Dapr documents them for its
	// type.
	// +kubebuilder:validation:MaxItems=100
	// +optional
	// +listType=atomic
	Metadata []ComponentMetadata `json:"metadata,omitempty"`
	// IgnoreErrors lets the mesh run although the component does not open.
	// +optional
	IgnoreErrors bool `json:"ignoreErrors,omitempty"`
	// InitTimeout is how long opening the component may take.
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`
	// +optional
	InitTimeout *metav1.Duration `json:"initTimeout,omitempty"`
	// SecretStore names the secret store component that secretKeyRef reads.
	// +optional
	SecretStore string `json:"secretStore,omitempty"`
	// Scopes names the functions that see the component; none means all.
	// +kubebuilder:validation:MaxItems=300
	// +optional
	// +listType=set
	Scopes []string `json:"scopes,omitempty"`
}

// ComponentMetadata is one setting of a Dapr component: a value, or a
// reference to a secret or an environment variable.
//
// +kubebuilder:validation:XValidation:rule=`[has(self.value) && self.value != "", has(self.secretKeyRef), has(self.envRef) && self.envRef != ""].filter(x, x).size() <= 1`,message="has more than one of value, secretKeyRef and envRef; keep one of them"
type ComponentMetadata struct {
	// Name of the setting.
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// Value of the setting, as text.
	// +optional
	Value string `json:"value,omitempty"`
	// SecretKeyRef takes the value from a secret.
	// +optional
	SecretKeyRef *SecretKeyRef `json:"secretKeyRef,omitempty"`
	// EnvRef takes the value from an environment variable of the engine.
	// +optional
	EnvRef string `json:"envRef,omitempty"`
}

// SecretKeyRef names a key of a secret.
type SecretKeyRef struct {
	// Name of the secret.
	// +kubebuilder:validation:MinLength=1
	Name string `json:"name"`
	// Key in the secret; in a component the secret's name by default.
	// +optional
	Key string `json:"key,omitempty"`
}

// FunctionMeshStatus is what the controller saw.
type FunctionMeshStatus struct {
	// ObservedGeneration is the generation of the spec that this is about.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions, among them Ready.
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// FunctionsReady reads "2/3".
	// +optional
	FunctionsReady string `json:"functionsReady,omitempty"`
	// Links is the number of connections.
	// +optional
	Links int32 `json:"links,omitempty"`
	// Functions of the mesh, one by one.
	// +optional
	// +listType=map
	// +listMapKey=name
	Functions []FunctionStatus `json:"functions,omitempty"`
}

// FunctionStatus is what the controller saw of one function.
type FunctionStatus struct {
	// Name as the mesh writes it.
	Name string `json:"name"`
	// Ready to be called, also when scaled to zero.
	// +optional
	Ready bool `json:"ready,omitempty"`
	// URL within the cluster.
	// +optional
	URL string `json:"url,omitempty"`
	// Replicas that run now.
	// +optional
	Replicas int32 `json:"replicas,omitempty"`
	// Revision that serves.
	// +optional
	Revision string `json:"revision,omitempty"`
	// Reason says why the function is not ready.
	// +optional
	Reason string `json:"reason,omitempty"`
	// Message says more about the reason.
	// +optional
	Message string `json:"message,omitempty"`
}
