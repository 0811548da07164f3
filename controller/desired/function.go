package desired

import (
	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// functions finds out which functions can run, and says why others cannot.
func (b *builder) functions() {
	knative, keda := false, false
	for _, f := range b.plan.Functions {
		b.triggers(f)
		switch {
		case b.frontsName(f), f.Service == DispatcherName(b.plan.Name):
			continue // it has been said
		case f.Spec.Image == "":
			message := "it has no image; build one with weft build, or let weft deploy do so, and set image"
			if f.Spec.URL != "" || len(f.Spec.Command) > 0 {
				message = "url and command are for one machine; a cluster runs an image: build one, and set image"
			}
			b.note(Note{Function: f.Name, Path: at(f, "image"), Type: TypeRunnable, Reason: "NoImage", Message: message, Blocking: true})
			continue
		case f.Spec.Scaler == v1beta1.ScalerKEDA:
			keda = true
		default:
			knative = true
			if !b.settings.Has.Knative {
				continue
			}
		}
		b.runs = append(b.runs, f)
	}
	if knative && !b.settings.Has.Knative {
		b.note(Note{Type: TypeKnativeInstalled, Reason: "NoService", Blocking: true,
			Message: "the cluster does not know the kind Service of serving.knative.dev/v1; " + installKnative + ", or set scaler: keda"})
	}
	if (keda || b.queued()) && !b.settings.Has.KEDA {
		b.note(Note{Type: TypeKEDAInstalled, Reason: "NoScaledObject",
			Message: "the cluster does not know the kind ScaledObject of keda.sh/v1alpha1, so dispatchers and functions with scaler: keda keep the replicas that they have; " + installKEDA})
	}
}

// function desires what one function consists of.
func (b *builder) function(f *mesh.Function) {
	if f.Spec.ServiceAccountName == "" {
		b.serviceAccount(f.Service, RoleFunction, f)
	}
	b.functionPolicy(f)
	if f.Spec.Scaler == v1beta1.ScalerKEDA {
		b.kedaFunction(f)
		return
	}
	b.knativeService(f)
}

// queued says whether dispatchers have anything to do: a function with a queue
// that KEDA does not scale.
func (b *builder) queued() bool {
	for _, f := range b.plan.Functions {
		if dispatched(f) {
			return true
		}
	}
	return false
}

// dispatched says whether the mesh's dispatchers take the queue of f.
func dispatched(f *mesh.Function) bool {
	return f.Queued() && f.Spec.Scaler != v1beta1.ScalerKEDA
}
