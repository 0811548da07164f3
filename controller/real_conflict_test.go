package controller

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
)

// owned is metadata of an object that a ConfigMap of the test owns.
func (a *api) owned(name string) string {
	a.t.Helper()
	config := a.get(core("ConfigMap"), "someone")
	return fmt.Sprintf("metadata: {name: %s, ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: someone, uid: %s, controller: true}]}", name, config.GetUID())
}

const someone = `
apiVersion: v1
kind: ConfigMap
metadata: {name: someone}
`

// What belongs to nobody or to someone else is left as it is, and what the mesh
// wants of that name is made once it has gone.
func TestRealConflicts(t *testing.T) {
	cases := map[string]struct {
		reason, taken string
		kind          kind
		name          string
	}{
		"Deployment": {
			"a Deployment of nobody",
			"apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop-front}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: b}]}}}",
			kindDeployment, "shop-front",
		},
		"Service": {
			"a Service of someone", "apiVersion: v1\nkind: Service\n%s\nspec: {ports: [{port: 80}]}", core("Service"), "shop-front",
		},
		"KnativeService": {
			"a Knative Service of someone",
			"apiVersion: serving.knative.dev/v1\nkind: Service\n%s\nspec: {template: {spec: {containers: [{image: a}]}}}",
			kindKnativeService, "shop-ingest-order",
		},
		"ServiceAccount": {
			"one with nothing in it that could differ", "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: shop-front}",
			core("ServiceAccount"), "shop-front",
		},
		"Labelled": {
			"one with the mesh's label, as weft render prints it",
			"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop-mesh, labels: {weft.dev/mesh: shop}}", core("ConfigMap"), "shop-mesh",
		},
		"Tokens": {
			"a Secret that is no mesh's", "apiVersion: v1\nkind: Secret\nmetadata: {name: shop-tokens}\ndata: {a: YQ==}", core("Secret"), "shop-tokens",
		},
		"ScaledObject": {
			"one of nobody, which scales something else",
			"apiVersion: keda.sh/v1alpha1\nkind: ScaledObject\nmetadata: {name: shop-dispatcher}\nspec: {scaleTargetRef: {name: other}, triggers: [{type: cpu, metadata: {value: '1'}}]}",
			kindScaledObject, "shop-dispatcher",
		},
	}
	a := connect(t)
	a.run()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := connect(t)
			a.create(someone)
			text := tc.taken
			if strings.Contains(text, "%s") {
				text = fmt.Sprintf(text, a.owned(tc.name))
			}
			a.create(text)
			before := a.get(tc.kind, tc.name)
			a.create(shop)
			said := a.says("shop", ConditionApplied, "False Conflict")
			if !strings.Contains(said, tc.kind.Kind+" "+tc.name) || !strings.Contains(said, "delete or rename it") {
				t.Errorf("%s: it says %s", tc.reason, said)
			}
			a.says("shop", ConditionReady, "False Conflict")
			if now := a.get(tc.kind, tc.name); now.GetResourceVersion() != before.GetResourceVersion() {
				t.Errorf("%s: it has been changed: %v", tc.reason, now.Object)
			}
			if got := a.versions("shop"); len(got) < 21 {
				t.Errorf("%s: there are %d other objects: %v", tc.reason, len(got), got)
			}
			a.delete(tc.kind, tc.name)
			a.applied("shop")
			if err := a.Delete(t.Context(), a.mesh("shop")); err != nil {
				t.Fatal(err)
			}
			if got := a.events("shop"); count(got, "Warning Conflict") > 1 {
				t.Errorf("%s: a conflict was told more than once: %v", tc.reason, got)
			}
		})
	}
}

// The article's own ScaledObject takes over, and gives back, and so does one that
// is called as the mesh.
func TestRealForeignScaledObject(t *testing.T) {
	for _, name := range []string{"order-mesh-scaler", "order-processing-mesh"} {
		t.Run(name, func(t *testing.T) { takesOver(t, name) })
	}
}

func takesOver(t *testing.T, name string) {
	a := connect(t)
	a.run()
	for i, file := range []string{"file-one.yaml", "scaledobject.yaml"} {
		text, err := os.ReadFile(filepath.Join("..", "samples", "article", file))
		if err != nil {
			t.Fatal(err)
		}
		a.create(strings.Replace(string(text), "name: order-mesh-scaler", "name: "+name, 1))
		if i == 0 {
			a.applied("order-processing-mesh")
			if got := a.names(kindScaledObject, "order-processing-mesh"); !slices.Equal(got, []string{"order-processing-mesh-dispatcher"}) {
				t.Fatalf("ours: %v", got)
			}
		}
	}
	said := a.says("order-processing-mesh", desired.TypeScalingHonoured, "False ForeignScaledObject")
	if !strings.Contains(said, name) {
		t.Errorf("it says %s", said)
	}
	a.eventually("ours goes", func() (bool, string) {
		got := a.names(kindScaledObject, "order-processing-mesh")
		return len(got) == 0, fmt.Sprint(got)
	})
	a.delete(kindScaledObject, name)
	a.says("order-processing-mesh", desired.TypeScalingHonoured, "")
	a.eventually("ours is back", func() (bool, string) {
		got := a.names(kindScaledObject, "order-processing-mesh")
		return len(got) == 1, fmt.Sprint(got)
	})
}

const redis = `
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: order-state}
spec: {type: state.redis, version: v1, metadata: [{name: redisHost, value: "theirs:6379"}]}
`

// A Component beside the mesh is used as it is; one that is nowhere is a
// condition until it is there.
func TestRealComponents(t *testing.T) {
	a := connect(t)
	a.run()

	t.Run("of the user", func(t *testing.T) {
		a := connect(t)
		a.create(redis)
		before := a.get(kindComponent, "order-state").GetResourceVersion()
		a.create(shop)
		a.says("shop", desired.TypeComponentsReady, "False OwnedByOthers")
		a.applied("shop")
		if now := a.get(kindComponent, "order-state"); now.GetResourceVersion() != before {
			t.Errorf("it has been changed: %v", now.Object)
		}
		a.delete(kindComponent, "order-state")
		a.says("shop", desired.TypeComponentsReady, "")
		a.eventually("the mesh has its own", func() (bool, string) {
			got := a.names(kindComponent, "shop")
			return len(got) == 1, fmt.Sprint(got)
		})
	})

	t.Run("that does not exist", func(t *testing.T) {
		a := connect(t)
		a.create(shop[:strings.Index(shop, "  components:")])
		said := a.says("shop", desired.TypeComponentsReady, "False NoStore")
		if !strings.Contains(said, "order-state; declare a component of that name") {
			t.Errorf("it says %s", said)
		}
		a.create(redis)
		a.says("shop", desired.TypeComponentsReady, "")
		a.change("shop", func(fm *v1beta1.FunctionMesh) { fm.Spec.Broker = "links" })
		if said := a.says("shop", ConditionValid, "False Invalid"); !strings.Contains(said, `spec.broker`) {
			t.Errorf("it says %s", said)
		}
		a.create(strings.NewReplacer("order-state", "links", "state.redis", "pubsub.redis").Replace(redis))
		a.says("shop", ConditionValid, "True")
		a.applied("shop")
		if got := a.names(kindComponent, "shop"); len(got) != 0 {
			t.Errorf("the mesh has Components %v", got)
		}
		notes, _, _ := unstructured.NestedStringMap(a.get(kindKnativeService, "shop-validate-inventory").Object, "spec", "template", "metadata", "annotations")
		if notes["dapr.io/enabled"] != "true" {
			t.Errorf("the function that uses it has the annotations %v", notes)
		}
	})

	t.Run("of another mesh", func(t *testing.T) {
		a := connect(t)
		a.create(shop)
		a.applied("shop")
		a.create(strings.Replace(shop, "{name: shop}", "{name: other}", 1))
		if said := a.says("other", ConditionApplied, "False Conflict"); !strings.Contains(said, "FunctionMesh shop") {
			t.Errorf("it says %s", said)
		}
		a.change("other", func(fm *v1beta1.FunctionMesh) {
			fm.Spec.Components[0].Name, fm.Spec.Functions[1].State[0] = "other-state", "other-state"
		})
		a.applied("other")
	})
}

// Names that two things would have.
func TestRealNames(t *testing.T) {
	a := connect(t)
	a.run()
	a.create(`
apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: a}
spec: {functions: [{name: front, image: a}, {name: b-dispatcher, image: a, scaler: keda}], connections: [{from: front, to: b-dispatcher}]}
`)
	if said := a.says("a", desired.TypeNamesUnique, "False NameOfFront"); !strings.Contains(said, "rename the function") {
		t.Errorf("it says %s", said)
	}
	a.applied("a")
	// Its dispatchers would be called as the function of the other.
	a.create(`
apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: a-b}
spec: {functions: [{name: c, image: a}, {name: d, image: a}], connections: [{from: c, to: d}]}
`)
	if said := a.says("a-b", ConditionApplied, "False Conflict"); !strings.Contains(said, "Deployment a-b-dispatcher") || !strings.Contains(said, "FunctionMesh a:") {
		t.Errorf("it says %s", said)
	}
	a.change("a", func(fm *v1beta1.FunctionMesh) {
		fm.Spec.Functions[1].Name, fm.Spec.Connections[0].To = "renamed", "renamed"
	})
	a.applied("a-b")
	a.eventually("the Deployment is the other's", func() (bool, string) {
		got := a.get(kindDeployment, "a-b-dispatcher").GetLabels()[desired.LabelMesh]
		return got == "a-b", got
	})

	t.Run("too long", func(t *testing.T) {
		fm := &v1beta1.FunctionMesh{}
		fm.Namespace, fm.Name = a.ns, strings.Repeat("m", 53)
		fm.Spec.Functions = []v1beta1.Function{{Name: "a", Image: "a"}}
		if err := a.Create(t.Context(), fm); err == nil || !strings.Contains(err.Error(), "52 characters") {
			t.Errorf("got %v", err)
		}
		long := strings.Repeat("m", 52)
		fm.Name = long
		fm.Spec.Functions = []v1beta1.Function{
			{Name: strings.Repeat("f", 63), Image: "a"}, {Name: strings.Repeat("f", 62) + "g", Image: "a", Scaler: "keda"},
		}
		if err := a.Create(t.Context(), fm); err != nil {
			t.Fatal(err)
		}
		a.applied(long)
		secrets := &corev1.SecretList{}
		if err := a.List(t.Context(), secrets, client.InNamespace(a.ns), client.MatchingLabels{desired.LabelMesh: long}); err != nil || len(secrets.Items) != 1 {
			t.Errorf("%d secrets, %v", len(secrets.Items), err)
		}
	})
}
