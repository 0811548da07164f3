package controller

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/weftmesh/weft/api/v1beta1"
)

// report has an object's status be what its controller, or a kubelet, would
// write of its present generation.
func (a *api) report(k kind, name, status string) {
	a.t.Helper()
	u := a.get(k, name)
	fields := map[string]any{"observedGeneration": u.GetGeneration()}
	if err := yaml.Unmarshal([]byte(status), &fields); err != nil {
		a.t.Fatal(err)
	}
	patch, err := json.Marshal(map[string]any{"status": fields})
	if err != nil {
		a.t.Fatal(err)
	}
	if err := a.Status().Patch(a.t.Context(), u, client.RawPatch("application/merge-patch+json", patch)); err != nil {
		a.t.Fatal(err)
	}
}

// function waits until the status of a mesh's function reads as wanted.
func (a *api) function(mesh string, want v1beta1.FunctionStatus) {
	a.t.Helper()
	a.eventually(fmt.Sprintf("%s has %+v", mesh, want), func() (bool, string) {
		fm := a.mesh(mesh)
		for _, got := range fm.Status.Functions {
			if got.Name == want.Name {
				return cmp.Equal(got, want), fmt.Sprintf("%+v", got)
			}
		}
		return false, "nothing of it"
	})
}

// kubectl gives what a person sees.
func (a *api) kubectl(args ...string) string {
	a.t.Helper()
	args = append([]string{"--kubeconfig=" + a.kubeconfig("person", ""), "--namespace=" + a.ns}, args...)
	out, err := exec.Command(filepath.Join(kubeDir(), "kubectl"), args...).CombinedOutput()
	if err != nil {
		a.t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// stuckPod makes a pod of a Deployment's whose image a kubelet cannot pull.
func (a *api) stuckPod(name, deployment string) {
	a.t.Helper()
	labels, _, _ := unstructured.NestedStringMap(a.get(kindDeployment, deployment).Object, "spec", "template", "metadata", "labels")
	text, err := json.Marshal(labels)
	if err != nil {
		a.t.Fatal(err)
	}
	a.create(fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s, labels: %s}\nspec: {containers: [{name: function, image: a}]}", name, text))
	a.report(core("Pod"), name, "{phase: Pending, containerStatuses: [{name: function, image: a, imageID: '', ready: false, restartCount: 0, "+
		"state: {waiting: {reason: ImagePullBackOff, message: Back-off pulling image a}}}]}")
}

const (
	runs  = "{replicas: 1, readyReplicas: 1, updatedReplicas: 1, availableReplicas: 1}"
	ready = "{url: http://%s.test.svc.cluster.local, latestReadyRevisionName: %[1]s-0000%d, conditions: [{type: Ready, status: 'True'}]}"
)

// What Knative, Kubernetes and kubelets say of a mesh's objects is what the mesh
// says: why it is not ready, and that it is. Here the test says it in their place.
func TestRealStatus(t *testing.T) {
	a := connect(t)
	a.run()
	a.create(shop)
	a.applied("shop")
	knativeURL := func(function string) string { return "http://shop-" + function + ".test.svc.cluster.local" }
	notify := v1beta1.FunctionStatus{Name: "notifyUser", URL: "http://shop-notify-user." + a.ns + ".svc.cluster.local"}

	t.Run("an image that Knative cannot get", func(t *testing.T) {
		why := `Revision "shop-ingest-order-00001" failed with message: Unable to fetch image "example.com/ingest:v1": not found.`
		a.report(kindKnativeService, "shop-ingest-order", "{conditions: [{type: Ready, status: 'False', reason: RevisionMissing, message: '"+why+"'}]}")
		a.function("shop", v1beta1.FunctionStatus{Name: "ingestOrder", Reason: "RevisionMissing", Message: why})
		a.says("shop", ConditionReady, "False FunctionsNotReady: 0/3 functions are ready; ingestOrder: "+why)
	})

	t.Run("one that Knative serves", func(t *testing.T) {
		a.create(`
apiVersion: serving.knative.dev/v1
kind: Revision
metadata: {name: shop-ingest-order-00001, labels: {weft.dev/mesh: shop}}
spec: {containers: [{image: a}]}
`)
		a.report(kindKnativeService, "shop-ingest-order", fmt.Sprintf(ready, "shop-ingest-order", 1))
		a.report(kindRevision, "shop-ingest-order-00001", "{actualReplicas: 2}")
		a.function("shop", v1beta1.FunctionStatus{
			Name: "ingestOrder", Ready: true, URL: knativeURL("ingest-order"), Revision: "shop-ingest-order-00001", Replicas: 2,
		})
		a.report(kindKnativeService, "shop-validate-inventory", fmt.Sprintf(ready, "shop-validate-inventory", 1))
		a.function("shop", v1beta1.FunctionStatus{
			Name: "validateInventory", Ready: true, URL: knativeURL("validate-inventory"), Revision: "shop-validate-inventory-00001",
		})
	})

	t.Run("an image that a kubelet cannot pull", func(t *testing.T) {
		a.report(kindDeployment, "shop-notify-user", "{replicas: 1, updatedReplicas: 1}")
		why := "Back-off pulling image a"
		a.stuckPod("notify", "shop-notify-user")
		stuck := notify
		stuck.Reason, stuck.Message = "ImagePullBackOff", why
		a.function("shop", stuck)
		a.says("shop", ConditionReady, "False FunctionsNotReady: 2/3 functions are ready; notifyUser: "+why)
		a.delete(core("Pod"), "notify")
	})

	t.Run("a quota that leaves no room for pods", func(t *testing.T) {
		why := "pods shop-notify-user-x is forbidden: exceeded quota: small, requested: pods=1, used: pods=4, limited: pods=4"
		a.report(kindDeployment, "shop-notify-user", "{conditions: [{type: ReplicaFailure, status: 'True', reason: FailedCreate, message: '"+why+"'}]}")
		refused := notify
		refused.Reason, refused.Message = "FailedCreate", why
		a.function("shop", refused)
	})

	t.Run("all is ready", func(t *testing.T) {
		a.report(kindDeployment, "shop-notify-user", "{replicas: 0, updatedReplicas: 0, conditions: []}")
		// The API server gives a Deployment a replica unless who scales it says less.
		a.merge(a.get(kindDeployment, "shop-notify-user"), `{"spec": {"replicas": 0}}`)
		a.report(kindDeployment, "shop-notify-user", "{replicas: 0}")
		zero := notify
		zero.Ready = true
		a.function("shop", zero)
		a.says("shop", ConditionReady, "False FrontNotReady: the front: ")
		a.report(kindDeployment, "shop-front", runs)
		a.says("shop", ConditionReady, "True Ready: 3/3 functions are ready")
		a.eventually("that is told once", func() (bool, string) {
			got := a.events("shop")
			return count(got, "Normal Ready") == 1, fmt.Sprint(got)
		})
		if got := strings.Fields(a.kubectl("get", "functionmeshes")); len(got) != 10 ||
			fmt.Sprint(got[:9]) != "[NAME READY FUNCTIONS LINKS AGE shop True 3/3 2]" {
			t.Errorf("kubectl get shows %v", got)
		}
	})

	t.Run("a change while a rollout is under way", func(t *testing.T) {
		for _, version := range []string{"v2", "v3"} { // Knative has not looked at v2 when v3 comes
			a.change("shop", func(fm *v1beta1.FunctionMesh) { fm.Spec.Functions[0].Image = "example.com/ingest:" + version })
			a.applied("shop")
			a.function("shop", v1beta1.FunctionStatus{
				Name: "ingestOrder", URL: knativeURL("ingest-order"), Revision: "shop-ingest-order-00001", Replicas: 2,
				Reason: "Updating", Message: "Knative has not looked at its latest version yet",
			})
		}
		a.report(kindKnativeService, "shop-ingest-order", fmt.Sprintf(ready, "shop-ingest-order", 3))
		a.says("shop", ConditionReady, "True Ready: 3/3")
		if got := image(a.get(kindKnativeService, "shop-ingest-order")); got != "example.com/ingest:v3" {
			t.Errorf("the image is %s", got)
		}
	})

	t.Run("a rollout that fails while the old replica goes on", func(t *testing.T) {
		slow := "{type: Progressing, status: 'False', reason: ProgressDeadlineExceeded, message: took too long}"
		for name, what := range map[string]string{"shop-front": "FrontNotReady: the front: ", "shop-dispatcher": "DispatchersNotReady: the dispatchers: "} {
			a.report(kindDeployment, name, "{replicas: 2, readyReplicas: 1, updatedReplicas: 1, availableReplicas: 1, conditions: []}")
			a.says("shop", ConditionReady, "True Ready: 3/3") // the new one may take a while
			a.stuckPod("new", name)
			a.says("shop", ConditionReady, "False "+what+"Back-off pulling image a")
			a.delete(core("Pod"), "new")
			a.says("shop", ConditionReady, "True Ready: 3/3")
			a.report(kindDeployment, name, "{conditions: ["+slow+"]}")
			a.says("shop", ConditionReady, "False "+what+"took too long")
			a.report(kindDeployment, name, "{replicas: 1, conditions: []}")
			a.says("shop", ConditionReady, "True Ready: 3/3")
		}
		// More of them are asked for, and that is all.
		a.merge(a.get(kindDeployment, "shop-dispatcher"), `{"spec": {"replicas": 3}}`)
		a.report(kindDeployment, "shop-dispatcher", "{}")
		a.says("shop", ConditionReady, "True Ready: 3/3")
	})

	t.Run("a front that goes", func(t *testing.T) {
		a.report(kindDeployment, "shop-front", "{readyReplicas: 0, availableReplicas: 0, unavailableReplicas: 1}")
		a.says("shop", ConditionReady, "False FrontNotReady: the front: 0 of 1 replicas are available")
	})
}
