package desired

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weftmesh/weft/mesh"
)

// DefaultNamespace is where the controller runs.
const DefaultNamespace = "weft-system"

// The roles of pods.
const (
	RoleFront      = "front"
	RoleDispatcher = "dispatcher"
	RoleFunction   = "function"
)

// AnnotationMeshHash of the pods of front and dispatchers changes with the mesh
// that they read: they read it once.
const AnnotationMeshHash = "weft.dev/mesh-hash"

// maxName is the longest DNS label (RFC 1035): names of Services, revisions and
// what is a value of a label.
const maxName = 63

// FrontName is the name of a mesh's front: Deployment, Service and app id.
func FrontName(mesh string) string { return mesh + "-front" }

// ScalerName is the name of the Service by which KEDA finds a mesh's fronts.
func ScalerName(mesh string) string { return shorten(mesh+"-front-scaler", maxName) }

// DispatcherName is the name of the Deployment of a mesh's dispatchers, as long
// as nobody else scales them (Found.ForeignScaler).
func DispatcherName(mesh string) string { return mesh + "-dispatcher" }

// scaledObjectName is the name of the ScaledObject of a mesh's dispatchers, which
// is not the mesh's: one of a user's own may well be called so. KEDA puts keda-hpa-
// before it for that of its HPA.
func scaledObjectName(mesh string) string {
	return shorten(DispatcherName(mesh), maxName-len("keda-hpa-"))
}

// TokensName is the name of the Secret with a token for each function.
func TokensName(mesh string) string { return mesh + "-tokens" }

// MeshConfigName is the name of the ConfigMap with the mesh.
func MeshConfigName(mesh string) string { return mesh + "-mesh" }

// shorten gives a name of at most so many characters: it is cut, and a hash of
// the whole put after it, so that two long names stay two.
func shorten(name string, most int) string {
	if len(name) <= most {
		return name
	}
	hash := shortHash(name)
	return strings.TrimRight(name[:most-len(hash)-1], "-") + "-" + hash
}

func shortHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}

// names notes names that two things would have. The controller sees who owns an
// object, and reports what the names alone do not tell.
func (b *builder) names() {
	for _, f := range b.plan.Functions {
		switch {
		case f.KubeName == RoleFront:
			b.note(Note{Function: f.Name, Path: at(f, "name"), Type: TypeNamesUnique, Reason: "NameOfFront", Blocking: true,
				Message: "the front of the mesh has that name and a token by it; rename the function"})
		case b.frontsName(f):
			b.note(Note{Function: f.Name, Path: at(f, "name"), Type: TypeNamesUnique, Reason: "NameOfFront", Blocking: true,
				Message: "the front of the mesh is called " + f.Service + " too; rename the function"})
		case f.Service == DispatcherName(b.plan.Name):
			b.note(Note{Function: f.Name, Path: at(f, "name"), Type: TypeNamesUnique, Reason: "NameOfDispatcher", Blocking: true,
				Message: "the dispatchers of the mesh are called " + f.Service + " too; rename the function"})
		}
	}
	if other, front := strings.CutSuffix(b.plan.Name, "-front"); front {
		b.note(Note{Path: "metadata.name", Type: TypeNamesUnique, Reason: "NameOfFront",
			Message: "a mesh " + other + " in this namespace would have a front of this name; rename the mesh if there is one"})
	}
	if other, dispatcher := strings.CutSuffix(b.plan.Name, "-dispatcher"); dispatcher {
		b.note(Note{Path: "metadata.name", Type: TypeNamesUnique, Reason: "NameOfDispatcher",
			Message: "a mesh " + other + " in this namespace would have dispatchers of this name; rename the mesh if there is one"})
	}
}

// dispatcherName is the mesh's own name where someone else scales the
// dispatchers, by that name. Otherwise it is another, so that this one is free:
// KEDA refuses a ScaledObject for what has one already (its admission webhook,
// apis/keda/v1alpha1/scaledobject_webhook.go), and theirs could never come.
func (b *builder) dispatcherName() string {
	if b.found.ForeignScaler != "" {
		return b.plan.Name
	}
	return DispatcherName(b.plan.Name)
}

// frontsName says whether a Service of the front, or its token, has the name of
// f's. In a mesh with a long name the Service of a function front has another.
func (b *builder) frontsName(f *mesh.Function) bool {
	return f.KubeName == RoleFront || f.Service == FrontName(b.plan.Name) || f.Service == ScalerName(b.plan.Name)
}

// meta of an object that belongs to the mesh, and to f unless it is nil.
func (b *builder) meta(name, role string, f *mesh.Function) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Name: name, Namespace: b.plan.Namespace, Labels: b.labels(role, f)}
	if b.found.Owner != nil {
		m.OwnerReferences = []metav1.OwnerReference{*b.found.Owner}
	}
	return m
}

func (b *builder) labels(role string, f *mesh.Function) map[string]string {
	labels := map[string]string{LabelMesh: b.plan.Name}
	if role != "" {
		labels[LabelRole] = role
	}
	if f != nil {
		labels[LabelFunction] = FunctionLabel(f)
	}
	return labels
}

// FunctionLabel is the value of LabelFunction: the name in kebab-case, which may
// be longer than a label's value, and is shortened then.
func FunctionLabel(f *mesh.Function) string { return shorten(f.KubeName, maxName) }

func typeMeta(apiVersion, kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: apiVersion, Kind: kind}
}

func ptr[T any](v T) *T { return &v }
