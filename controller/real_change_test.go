package controller

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
)

func image(u *unstructured.Unstructured) string {
	list, _, _ := unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
	first, _ := list[0].(map[string]any)
	text, _ := first["image"].(string)
	return text
}

// A mesh that the definition lets pass and that does not compile says so, and
// what ran before goes on.
func TestRealInvalid(t *testing.T) {
	a := connect(t)
	a.run()
	a.create(shop)
	a.applied("shop")
	before := a.versions("shop")
	a.change("shop", func(fm *v1beta1.FunctionMesh) {
		fm.Spec.Functions[0].Image = "example.com/ingest:v2"
		fm.Spec.Connections[1].Condition = "result.valid =="
	})
	if said := a.says("shop", ConditionValid, "False Invalid"); !strings.Contains(said, "spec.connections[1].condition") {
		t.Errorf("it says %s", said)
	}
	a.says("shop", ConditionReady, "False Invalid: the mesh is not valid; what ran before goes on")
	if got := a.versions("shop"); fmt.Sprint(got) != fmt.Sprint(before) {
		t.Errorf("got %v, want %v", got, before)
	}
	a.change("shop", func(fm *v1beta1.FunctionMesh) { fm.Spec.Connections[1].Condition = "result.valid" })
	a.says("shop", ConditionValid, "True")
	a.applied("shop")
	if got := image(a.get(kindKnativeService, "shop-ingest-order")); got != "example.com/ingest:v2" {
		t.Errorf("the image is %s", got)
	}
}

// A quota that is used up is told, the rest is applied, and it goes on when
// there is room.
func TestRealQuota(t *testing.T) {
	a := connect(t)
	a.run()
	quota := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: a.ns, Name: "small"}}
	quota.Spec.Hard = corev1.ResourceList{"count/deployments.apps": resource.MustParse("1")}
	if err := a.Create(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	// Kubernetes' own controller would count.
	quota.Status = corev1.ResourceQuotaStatus{Hard: quota.Spec.Hard, Used: corev1.ResourceList{"count/deployments.apps": resource.MustParse("1")}}
	if err := a.Status().Update(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	a.eventually("the API server knows the quota", func() (bool, string) {
		err := a.Create(t.Context(), a.parse(a.ns, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: probe}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: a, image: b}]}}}")[0], client.DryRunAll)
		return err != nil && strings.Contains(err.Error(), "exceeded quota"), fmt.Sprint(err)
	})
	a.create(shop)
	said := a.says("shop", ConditionApplied, "False Refused")
	if !strings.Contains(said, "exceeded quota: small") || !strings.Contains(said, "Deployment shop-front") {
		t.Errorf("it says %s", said)
	}
	if got := a.names(kindKnativeService, "shop"); len(got) != 2 {
		t.Errorf("there are Knative Services %v", got)
	}
	if err := a.Delete(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	a.applied("shop")
	if n := count(a.events("shop"), "Warning Refused"); n > 1 {
		t.Errorf("that it was refused was told %d times", n)
	}
}

const nightly = `
apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: nightly}
spec:
  functions:
    - {name: run, image: example.com/run:v1, triggers: [{type: cron, schedule: "@daily"}]}
    - {name: store, image: example.com/store:v1}
  connections: [{from: run, to: store}]
`

// What cannot be changed in place does not hold the mesh up.
func TestRealImmutable(t *testing.T) {
	a := connect(t)
	a.run()
	a.create(nightly)
	a.applied("nightly")
	a.change("nightly", func(fm *v1beta1.FunctionMesh) { fm.Annotations = map[string]string{desired.AnnotationPaused: "true"} })
	a.says("nightly", ConditionPaused, "True")
	cases := map[*kind]struct {
		name, spec string
		fields     []string
	}{
		&kindDeployment: {"nightly-front", "spec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: b}}, spec: {containers: [{name: front, image: b}]}}}",
			[]string{"spec", "selector", "matchLabels"}},
	}
	want := make(map[*kind]map[string]string)
	for k, tc := range cases {
		live := a.get(*k, tc.name)
		want[k], _, _ = unstructured.NestedStringMap(live.Object, tc.fields...)
		a.delete(*k, tc.name)
		other := a.parse(a.ns, fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: %s}\n%s", k.GroupVersion(), k.Kind, tc.name, tc.spec))[0]
		other.SetOwnerReferences(live.GetOwnerReferences())
		other.SetLabels(live.GetLabels())
		if err := a.Create(t.Context(), other); err != nil {
			t.Fatal(err)
		}
	}
	a.change("nightly", func(fm *v1beta1.FunctionMesh) { delete(fm.Annotations, desired.AnnotationPaused) })
	for k, tc := range cases {
		a.eventually(k.Kind+" is as it should be", func() (bool, string) {
			u := k.object()
			if err := a.Get(t.Context(), client.ObjectKey{Namespace: a.ns, Name: tc.name}, u); err != nil {
				return false, err.Error()
			}
			got, _, _ := unstructured.NestedStringMap(u.Object, tc.fields...)
			return fmt.Sprint(got) == fmt.Sprint(want[k]), fmt.Sprint(got)
		})
	}
	a.applied("nightly")
	a.eventually("it is told", func() (bool, string) {
		got := a.events("nightly")
		return slices.Contains(got, "Warning Replaced"), fmt.Sprint(got)
	})
}

// A function that changes from one scaler to the other gets its Service from the
// one who had the name.
func TestRealScalers(t *testing.T) {
	a := connect(t)
	a.run()
	a.create(shop)
	a.applied("shop")
	// As Knative makes it.
	a.create(someone)
	a.create(fmt.Sprintf("apiVersion: v1\nkind: Service\n%s\nspec: {ports: [{port: 80}]}", a.owned("shop-validate-inventory")))
	a.change("shop", func(fm *v1beta1.FunctionMesh) { fm.Spec.Functions[1].Scaler = v1beta1.ScalerKEDA })
	a.says("shop", ConditionApplied, "False Conflict")
	a.eventually("the Knative Service goes although its Service has the name", func() (bool, string) {
		got := a.names(kindKnativeService, "shop")
		return len(got) == 1, fmt.Sprint(got)
	})
	a.delete(core("Service"), "shop-validate-inventory") // as Kubernetes does then
	a.applied("shop")
	a.change("shop", func(fm *v1beta1.FunctionMesh) { fm.Spec.Functions[1].Scaler = v1beta1.ScalerKnative })
	a.eventually("it has changed back", func() (bool, string) {
		services := a.names(core("Service"), "shop")
		got := fmt.Sprint(a.names(kindKnativeService, "shop"), a.names(kindDeployment, "shop"))
		return got == "[shop-ingest-order shop-validate-inventory] [shop-dispatcher shop-front shop-notify-user]" &&
			!slices.Contains(services, "shop-validate-inventory"), fmt.Sprint(got, services)
	})
}

// The last change of a mesh wins, also while others are under way and the
// controller comes and goes.
func TestRealChanges(t *testing.T) {
	a := connect(t)
	stop := a.run()
	a.create(shop)
	for i := range 20 {
		a.change("shop", func(fm *v1beta1.FunctionMesh) {
			fm.Spec.Functions[0].Image = fmt.Sprintf("example.com/ingest:v%d", i+2)
			fm.Spec.Functions[2].Scaler = []v1beta1.Scaler{v1beta1.ScalerKEDA, v1beta1.ScalerKnative}[i%2]
		})
		if i == 10 {
			stop()
			a.run()
		}
	}
	a.applied("shop")
	if got := image(a.get(kindKnativeService, "shop-ingest-order")); got != "example.com/ingest:v21" {
		t.Errorf("the image is %s", got)
	}
	a.eventually("there is what the last one says", func() (bool, string) {
		got := fmt.Sprint(a.names(kindKnativeService, "shop"), a.names(kindDeployment, "shop"), a.names(kindScaledObject, "shop"))
		return got == "[shop-ingest-order shop-notify-user shop-validate-inventory] [shop-dispatcher shop-front] [shop-dispatcher]", got
	})
	if n := a.mesh("shop").Status.Functions; len(n) != 3 || n[0].Name != "ingestOrder" {
		t.Errorf("the status is about %v", n)
	}
}

// What Knative scales on CPU with may be installed later: who wants it gets it
// without an event of his mesh.
func TestRealHPAComesLater(t *testing.T) {
	a := connect(t)
	a.run(func(o *Options) { o.fresh = 200 * time.Millisecond })
	a.create(`
apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: busy}
spec:
  functions:
    - name: work
      image: example.com/work:v1
      triggers: [{type: http}]
      resources: {requests: {cpu: 100m}}
      scaling: {targetCPU: 60, minReplicas: 1}
`)
	a.applied("busy")
	a.says("busy", desired.TypeScalingHonoured, "False NoHPA")
	serving := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: knativeNamespace}}
	if err := a.Create(t.Context(), serving); client.IgnoreAlreadyExists(err) != nil {
		t.Fatal(err)
	}
	hpa := a.parse(knativeNamespace, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: autoscaler-hpa}
spec: {selector: {matchLabels: {app: autoscaler-hpa}}, template: {metadata: {labels: {app: autoscaler-hpa}}, spec: {containers: [{name: autoscaler-hpa, image: a}]}}}
`)[0]
	if err := a.Create(t.Context(), hpa); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Delete(context.Background(), hpa); err != nil {
			t.Error(err)
		}
	})
	a.says("busy", desired.TypeScalingHonoured, "")
	annotations, _, _ := unstructured.NestedStringMap(a.get(kindKnativeService, "busy-work").Object, "spec", "template", "metadata", "annotations")
	if got := annotations["autoscaling.knative.dev/class"]; got != "hpa.autoscaling.knative.dev" {
		t.Errorf("it is scaled by %s", got)
	}
}

// Of two controllers one works, and the other when the first has ended.
func TestRealLeader(t *testing.T) {
	a := connect(t)
	elect := func(o *Options) { o.LeaderElection = true }
	holder := func() string {
		lease := &coordinationv1.Lease{}
		err := a.Get(t.Context(), client.ObjectKey{Namespace: "weft-system", Name: "weft-controller"}, lease)
		if err != nil || lease.Spec.HolderIdentity == nil {
			return ""
		}
		return *lease.Spec.HolderIdentity
	}
	stop := a.run(elect)
	a.eventually("the first leads", func() (bool, string) { return holder() != "", "nobody" })
	first := holder()
	a.run(elect)
	a.create(shop)
	a.applied("shop")
	if got := holder(); got != first {
		t.Errorf("%s leads, not %s", got, first)
	}
	began := time.Now()
	stop()
	a.delete(core("Service"), "shop-front")
	a.eventually("the second mends drift", func() (bool, string) {
		return slices.Contains(a.names(core("Service"), "shop"), "shop-front"), holder()
	})
	if holder() == first {
		t.Error("the second works and does not lead")
	}
	t.Logf("the second took over in %s", time.Since(began).Round(time.Millisecond))
}
