package desired_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/source"
)

// settings of a cluster that has everything.
func settings() desired.Settings {
	return desired.Settings{
		Dataplane: "registry.example/weft-dataplane:v1",
		Broker: v1beta1.Component{Name: "links", Type: "pubsub.jetstream", Version: "v1", Metadata: []v1beta1.ComponentMetadata{
			{Name: "natsURL", Value: "nats://nats.nats:4222"},
		}},
		Has: desired.Installed{Knative: true, KEDA: true, Dapr: true, HPA: true},
	}
}

// compile makes a plan of documents: the spec of a mesh "shop", then others.
func compile(t *testing.T, spec string, others ...string) *mesh.Plan {
	t.Helper()
	head := "apiVersion: functions.openfunction.io/v1beta1\nkind: FunctionMesh\nmetadata: {name: shop}\nspec:\n"
	return load(t, head+indent(spec)+"\n---\n"+strings.Join(others, "\n---\n"))
}

func load(t *testing.T, text string) *mesh.Plan {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mesh.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b, problems := source.Load(file, source.Options{Cluster: true})
	if b.Plan == nil {
		t.Fatalf("%v\n%s", problems, text)
	}
	return b.Plan
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n  ")
}

// state is what a mesh is to have; it must be valid.
func state(t *testing.T, p *mesh.Plan, s desired.Settings, f desired.Found) desired.State {
	t.Helper()
	st := desired.Of(p, s, f)
	valid(t, st)
	return st
}

// find returns an object of a kind (with its apiVersion's group before a slash if
// there are two) as it is applied, or nil.
func find(t *testing.T, s desired.State, kind, name string) map[string]any {
	t.Helper()
	for _, o := range s.Objects {
		c, err := desired.Clean(o)
		if err != nil {
			t.Fatal(err)
		}
		k := c.GetKind()
		if strings.HasPrefix(c.GetAPIVersion(), "serving.knative.dev/") {
			k = "knative/" + k
		}
		if k == kind && c.GetName() == name {
			return c.Object
		}
	}
	return nil
}

// at follows a path of keys and numbers.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[step]
		case int:
			l, _ := v.([]any)
			if step >= len(l) {
				return nil
			}
			v = l[step]
		}
	}
	return v
}

// notes gives those of a state as Type/Reason, with a ! before what blocks, in
// order and each once. It leaves out that a trigger is not served: many a test
// has one of type queue, which gives a function a queue and needs nothing else
// (TestUnserved is about that).
func notes(s desired.State) []string {
	var out []string
	for _, n := range s.Notes {
		if n.Reason == "NotServed" {
			continue
		}
		text := n.Type + "/" + n.Reason
		if n.Blocking {
			text = "!" + text
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// kindsOf counts objects by kind.
func kindsOf(s desired.State) map[string]int {
	out := make(map[string]int)
	for _, o := range s.Objects {
		out[kindOf(o)]++
	}
	return out
}

func kindOf(o runtime.Object) string {
	gvk := o.GetObjectKind().GroupVersionKind()
	if gvk.Group == "serving.knative.dev" {
		return "knative/" + gvk.Kind
	}
	return gvk.Kind
}
