package controller

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
)

// A mesh gets its objects, keeps them against drift, is updated in place, and
// what it no longer has goes.
func TestRealMesh(t *testing.T) {
	a := connect(t)
	stop := a.run()
	a.create(shop)
	a.applied("shop")
	for k, want := range map[*kind]string{
		&kindDeployment: "[shop-dispatcher shop-front shop-notify-user]", &kindKnativeService: "[shop-ingest-order shop-validate-inventory]",
		&kindScaledObject: "[shop-dispatcher shop-notify-user]", &kindComponent: "[order-state]",
	} {
		if got := fmt.Sprint(a.names(*k, "shop")); got != want {
			t.Errorf("%s: got %s, want %s", k.Kind, got, want)
		}
	}
	if got := conditionOf(a.mesh("shop"), ConditionReady); !strings.HasPrefix(got, "False FunctionsNotReady: 0/3") {
		t.Errorf("Ready is %s", got)
	}
	tokens := a.get(core("Secret"), "shop-tokens")
	data, _, _ := unstructured.NestedStringMap(tokens.Object, "data")
	if len(data) != 4 || len(data["ingest-order"]) < 40 || data["ingest-order"] == data["notify-user"] {
		t.Errorf("tokens: %d of them", len(data))
	}

	t.Run("drift is mended", func(t *testing.T) {
		d := a.get(kindDeployment, "shop-front")
		a.merge(d, `{"spec":{"template":{"spec":{"serviceAccountName":"someone"}}}}`)
		a.eventually("the front has its account again", func() (bool, string) {
			got, _, _ := unstructured.NestedString(a.get(kindDeployment, "shop-front").Object, "spec", "template", "spec", "serviceAccountName")
			return got == "shop-front", got
		})
		a.delete(kindKnativeService, "shop-ingest-order")
		a.eventually("the Knative Service is there again", func() (bool, string) {
			return slices.Contains(a.names(kindKnativeService, "shop"), "shop-ingest-order"), "not"
		})
	})

	t.Run("what scales keeps its number", func(t *testing.T) {
		d := a.get(kindDeployment, "shop-dispatcher")
		a.merge(d, `{"spec":{"replicas":7}}`)
		a.change("shop", func(fm *v1beta1.FunctionMesh) { fm.Spec.Functions[0].Image = "example.com/ingest:v2" })
		a.applied("shop")
		if n, _, _ := unstructured.NestedInt64(a.get(kindDeployment, "shop-dispatcher").Object, "spec", "replicas"); n != 7 {
			t.Errorf("the Deployment has %d replicas", n)
		}
	})

	t.Run("an update is in place, and takes away", func(t *testing.T) {
		before := a.get(kindDeployment, "shop-notify-user").GetUID()
		a.change("shop", func(fm *v1beta1.FunctionMesh) { fm.Spec.Functions[2].Env = fm.Spec.Functions[2].Env[:1] })
		a.applied("shop")
		d := a.get(kindDeployment, "shop-notify-user")
		text, _ := yaml.Marshal(d.Object["spec"])
		if d.GetUID() != before || strings.Contains(string(text), "name: B\n") || !strings.Contains(string(text), "name: A\n") {
			t.Errorf("replaced: %v; its environment:\n%s", d.GetUID() != before, text)
		}
		a.change("shop", func(fm *v1beta1.FunctionMesh) {
			fm.Spec.Functions, fm.Spec.Connections = fm.Spec.Functions[:2], fm.Spec.Connections[:1]
		})
		a.applied("shop")
		a.eventually("nothing of notifyUser is left", func() (bool, string) {
			left := append(a.names(kindDeployment, "shop"), a.names(kindScaledObject, "shop")...)
			left = append(left, a.names(core("ServiceAccount"), "shop")...)
			return !slices.Contains(left, "shop-notify-user"), fmt.Sprint(left)
		})
	})

	t.Run("a paused mesh is left alone", func(t *testing.T) {
		a.change("shop", func(fm *v1beta1.FunctionMesh) { fm.Annotations = map[string]string{desired.AnnotationPaused: "true"} })
		a.says("shop", ConditionPaused, "True")
		a.says("shop", ConditionReady, "Unknown Paused")
		a.delete(core("Service"), "shop-front")
		a.change("shop", func(fm *v1beta1.FunctionMesh) { fm.Spec.Functions[0].Image = "example.com/ingest:v3" })
		a.says("shop", ConditionPaused, "True") // of this generation
		if got := image(a.get(kindKnativeService, "shop-ingest-order")); got != "example.com/ingest:v2" {
			t.Errorf("a paused mesh has the image %s", got)
		}
		if got := a.names(core("Service"), "shop"); slices.Contains(got, "shop-front") {
			t.Errorf("a paused mesh has the Services %v", got)
		}
		a.change("shop", func(fm *v1beta1.FunctionMesh) { delete(fm.Annotations, desired.AnnotationPaused) })
		a.eventually("its Service is there again", func() (bool, string) {
			return slices.Contains(a.names(core("Service"), "shop"), "shop-front") && conditionOf(a.mesh("shop"), ConditionPaused) == "", conditionOf(a.mesh("shop"), ConditionPaused)
		})
	})

	t.Run("nothing changed, nothing written", func(t *testing.T) {
		stop()
		before := a.versions("shop")
		a.run()
		// A mesh that is made after it is looked at after it.
		a.create(strings.NewReplacer("name: shop", "name: later", "order-state", "later-state").Replace(shop))
		a.applied("later")
		if diff := cmp.Diff(before, a.versions("shop")); diff != "" {
			t.Errorf("-before +after:\n%s", diff)
		}
	})

	t.Run("deleted, it leaves nothing", func(t *testing.T) {
		a.collectGarbage()
		if err := a.Delete(t.Context(), a.mesh("shop")); err != nil {
			t.Fatal(err)
		}
		a.eventually("no object has its label", func() (bool, string) {
			v := a.versions("shop")
			return len(v) == 0, fmt.Sprint(v)
		})
	})
}
