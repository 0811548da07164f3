package desired

import (
	"bytes"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

// meshFile is the key of the ConfigMap, and the name of the file that it
// becomes.
const meshFile = "mesh.yaml"

// meshConfig desires the mesh as front and dispatchers read it: what concerns
// only the functions' pods is left out, so that a new image does not restart the
// front; components that it does not open itself are there by name, type and
// route alone.
func (b *builder) meshConfig() {
	var text bytes.Buffer
	document := func(obj *v1beta1.FunctionMesh) {
		clean, err := Clean(obj)
		if err != nil {
			panic(err) // it has been decoded from such a document
		}
		data, err := yaml.Marshal(clean.Object)
		if err != nil {
			panic(err) // it is made of plain values
		}
		text.Write(data)
	}
	document(b.slimMesh())
	own := b.ownComponents()
	for _, c := range b.sortedComponents() {
		if c.Type == mesh.TypeEmbedded {
			continue
		}
		if _, opens := own[c.Name]; !opens {
			c.Metadata = routes(c)
		}
		b.writeComponent(&text, c)
	}
	if b.plan.Broker == "" && b.carrier.Name != "" {
		b.writeComponent(&text, b.carrier)
	}
	if b.keeper.Name != "" {
		b.writeComponent(&text, b.keeper)
	}
	b.hash = shortHash(text.String())
	b.add(&corev1.ConfigMap{
		TypeMeta: typeMeta("v1", "ConfigMap"), ObjectMeta: b.meta(MeshConfigName(b.plan.Name), "", nil),
		Data: map[string]string{meshFile: text.String()},
	})
}

// routes are what the front must know of an input binding: where its sidecar
// posts to.
func routes(c v1beta1.Component) []v1beta1.ComponentMetadata {
	if !strings.HasPrefix(c.Type, kindBinding) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.Metadata), func(m v1beta1.ComponentMetadata) bool { return !mesh.IsRoute(m) || m.Value == "" })
}

func (b *builder) slimMesh() *v1beta1.FunctionMesh {
	slim := b.plan.Mesh.DeepCopy()
	slim.TypeMeta = typeMeta(v1beta1.Group+"/"+v1beta1.Version, v1beta1.Kind)
	slim.ObjectMeta = metav1.ObjectMeta{Name: b.plan.Name, Namespace: b.plan.Namespace}
	slim.Status = v1beta1.FunctionMeshStatus{}
	slim.Spec.Components, slim.Spec.Broker = nil, b.carrier.Name
	for i := range slim.Spec.Functions {
		f := &slim.Spec.Functions[i]
		f.Image, f.Source, f.Command, f.URL, f.Env, f.Traffic = "", "", nil, "", nil, nil
		f.Resources = corev1.ResourceRequirements{}
		f.Triggers = slices.DeleteFunc(f.Triggers, func(t v1beta1.Trigger) bool { return len(unprotected(t)) > 0 })
		f.EnvFrom, f.Build, f.Labels, f.Annotations, f.ServiceAccountName, f.StartTimeout = nil, nil, nil, nil, "", nil
	}
	return slim
}

func (b *builder) writeComponent(text *bytes.Buffer, c v1beta1.Component) {
	obj := b.component(c)
	obj.ObjectMeta = metav1.ObjectMeta{Name: c.Name, Namespace: b.plan.Namespace}
	obj.Scopes = c.Scopes
	clean, err := Clean(obj)
	if err != nil {
		panic(err) // it is made of plain values
	}
	data, err := yaml.Marshal(clean.Object)
	if err != nil {
		panic(err)
	}
	text.WriteString("---\n")
	text.Write(data)
}

// ownComponents are those that front and dispatchers open themselves: the
// broker, and what keeps its events.
func (b *builder) ownComponents() map[string]v1beta1.Component {
	own := make(map[string]v1beta1.Component)
	if b.carrier.Name != "" {
		own[b.carrier.Name] = b.carrier
	}
	if b.keeper.Name != "" {
		own[b.keeper.Name] = b.keeper
	}
	return own
}

// sortedComponents of the plan, by name.
func (b *builder) sortedComponents() []v1beta1.Component {
	var all []v1beta1.Component
	for _, name := range slices.Sorted(maps.Keys(b.plan.Components)) {
		all = append(all, b.plan.Components[name])
	}
	return all
}
