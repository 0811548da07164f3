package desired

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// Labels and annotations of what a mesh has.
const (
	LabelMesh = "weft.dev/mesh"
	// LabelFunction holds a function's name in kebab-case (FunctionLabel).
	LabelFunction = "weft.dev/function"
	// LabelRole is front, dispatcher or function.
	LabelRole = "weft.dev/role"
	// AnnotationPaused on a FunctionMesh: the controller leaves its resources
	// as they are while the value is "true".
	AnnotationPaused = "weft.dev/paused"
)

// Settings of an installation: the same for all meshes of a cluster.
type Settings struct {
	// Dataplane is the image of front and dispatchers.
	Dataplane string
	// Broker carries the links of meshes that name none: a pubsub.jetstream
	// component, with natsURL.
	Broker v1beta1.Component
	// Namespace that the controller itself runs in.
	Namespace string
	// Ingress are the namespaces of Knative's ingress, whose pods call functions;
	// those of the known ones if empty.
	Ingress []string
	// OTLPEndpoint that functions, front and dispatchers are told; "" for none.
	OTLPEndpoint string
	// Polls has KEDA poll the broker, for a cluster where it cannot reach the
	// fronts: by default they tell it of events where they can.
	Polls bool
	// Has says which kinds the cluster knows.
	Has Installed
}

// Installed says which kinds of others the cluster knows. What is missing is a
// note, and the rest is still desired.
type Installed struct {
	Knative, KEDA, Dapr bool
	// HPA says that Knative's autoscaler-hpa runs.
	HPA bool
	// ZeroInitialScale says that Knative lets a revision begin at zero
	// (allow-zero-initial-scale of config-autoscaler, which is false by default).
	ZeroInitialScale bool
}

// Found is what the cluster holds that decides what is desired.
type Found struct {
	// Owner of everything; nil for weft render.
	Owner *metav1.OwnerReference
	// ForeignScaler is a ScaledObject of someone else that targets the Deployment
	// <mesh>: the dispatchers get that name, and ours steps back. "" if there is
	// none.
	ForeignScaler string
	// Fronts tells the pods of the front apart from those that there were before:
	// it changes when one comes or goes. "" if there are none.
	Fronts string
	// Components of the plan, by name, that someone else owns: they are used
	// as they are.
	Components map[string]bool
}

// State is what a mesh is to have.
type State struct {
	// Objects in an order in which they can be applied, with apiVersion and
	// kind set.
	Objects []runtime.Object
	// Notes say what was left out or differs from what the mesh asks, and why.
	Notes []Note
}

// Note becomes a condition of the mesh, or, if Function is set, part of that
// function's status.
type Note struct {
	// Function as the mesh writes it; "" for the mesh.
	Function string
	// Path of the field that it is about, as in mesh.Problem; "" for none.
	Path string
	// Type of the condition, such as KnativeInstalled or ScalingHonoured.
	Type string
	// Reason in CamelCase, Message in words with the way out.
	Reason, Message string
	// Blocking says that the function, or the mesh, cannot be ready like this.
	Blocking bool
}

// Of returns what the mesh of a plan is to have. The plan's broker and
// components are those that it was compiled with.
func Of(p *mesh.Plan, s Settings, f Found) State {
	if s.Namespace == "" {
		s.Namespace = DefaultNamespace
	}
	b := &builder{plan: p, settings: s, found: f}
	b.names()
	b.broker()
	b.secrets()
	b.functions()

	b.tokens()
	b.meshConfig()
	b.components()
	b.front()
	b.dispatchers()
	for _, f := range b.runs {
		b.function(f)
	}
	b.scaledObjects()
	b.subscriptions()
	b.sort()
	return b.state
}

// builder makes the objects of one mesh.
type builder struct {
	plan     *mesh.Plan
	settings Settings
	found    Found
	state    State

	// carrier is the component that carries the links, and keeper what keeps
	// them beside one that is not JetStream.
	carrier, keeper v1beta1.Component
	// runs are the functions that can run, of which there are workloads.
	runs []*mesh.Function
	// hash of the mesh that front and dispatchers read.
	hash string
}
