package desired

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weftmesh/weft/mesh"
)

// The types of notes.
const (
	// TypeKnativeInstalled, TypeKEDAInstalled and TypeDaprInstalled: a kind is
	// missing that the mesh needs.
	TypeKnativeInstalled = "KnativeInstalled"
	TypeKEDAInstalled    = "KEDAInstalled"
	TypeDaprInstalled    = "DaprInstalled"
	// TypeRunnable: the function has something that can run.
	TypeRunnable = "Runnable"
	// TypeScalingHonoured: it scales as the mesh says.
	TypeScalingHonoured = "ScalingHonoured"
	// TypeTrafficHonoured: calls are shared out as the mesh says.
	TypeTrafficHonoured = "TrafficHonoured"
	// TypeTriggersHonoured: it is called by what the mesh says.
	TypeTriggersHonoured = "TriggersHonoured"
	// TypeCallsHonoured: its code reaches the functions that it may call.
	TypeCallsHonoured = "CallsHonoured"
	// TypeBrokerHonoured: the broker keeps what Weft promises.
	TypeBrokerHonoured = "BrokerHonoured"
	// TypeComponentsReady: components are there, and visible to the functions
	// that use them.
	TypeComponentsReady = "ComponentsReady"
	// TypeSecretsReferenced: no secret is written out.
	TypeSecretsReferenced = "SecretsReferenced"
	// TypeNamesUnique: no other object has one of the mesh's names.
	TypeNamesUnique = "NamesUnique"
)

// ReasonNoHPA of a note is that nobody scales on CPU and memory, which changes
// with what is installed.
const ReasonNoHPA = "NoHPA"

func (b *builder) note(n Note) { b.state.Notes = append(b.state.Notes, n) }

// at is the path of a field of a function.
func at(f *mesh.Function, field string) string {
	return fmt.Sprintf("spec.functions[%d].%s", f.Index, field)
}

// once notes what may be found several times.
func (b *builder) once(n Note) {
	if !slices.Contains(b.state.Notes, n) {
		b.note(n)
	}
}

// list is words with commas between them.
func list(words []string) string { return strings.Join(words, ", ") }

// The ways to what is missing.
const (
	installKnative = "install Knative Serving: https://knative.dev/docs/install"
	installHPA     = "install Knative's HPA autoscaling: serving-hpa.yaml of the release (https://knative.dev/docs/install)"
	installKEDA    = "install KEDA: https://keda.sh/docs/latest/deploy"
	installDapr    = "install Dapr: https://docs.dapr.io/operations/hosting/kubernetes"
)
