package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/internal/realtest"
)

// start starts an API server with the definitions of Weft and Dapr, and no
// controller: the test itself says how meshes are. The user that comes with the
// second cluster may read pods and nothing else.
func start(t *testing.T) (all, little *Cluster) {
	t.Helper()
	dir := realtest.Need(t, "WEFT_TEST_KUBE", "make test-real builds an API server")
	env := &envtest.Environment{BinaryAssetsDirectory: dir, ErrorIfCRDPathMissing: true, CRDDirectoryPaths: []string{
		filepath.Join("..", "..", "manifests", "crd"), filepath.Join(dir, "crds", "dapr"),
	}}
	config, err := env.Start()
	if err != nil {
		t.Fatalf("start the API server: %v", err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	if all, err = connect(config, "default"); err != nil {
		t.Fatal(err)
	}
	user, err := env.AddUser(envtest.User{Name: "little"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if little, err = connect(user.Config(), "default"); err != nil {
		t.Fatal(err)
	}
	return all, little
}

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &u.Object); err != nil {
		t.Fatal(err)
	}
	return u
}

const shop = `
apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: shop}
spec:
  functions:
    - {name: takeOrder, image: "registry.example/take:v1", source: ./functions/take-order, triggers: [{type: http}]}
    - {name: checkStock, image: "registry.example/check:v1"}
  connections: [{from: takeOrder, to: checkStock}]
`

// say has the mesh's status be what a controller would write.
func say(t *testing.T, c *Cluster, name string, edit func(*v1beta1.FunctionMeshStatus)) {
	t.Helper()
	fm, err := c.Mesh(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	fm.Status.ObservedGeneration = fm.Generation
	edit(&fm.Status)
	patch, err := json.Marshal(map[string]any{"status": fm.Status})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.resource(meshes).Patch(t.Context(), name, types.MergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
}

func condition(kind string, status metav1.ConditionStatus, message string) metav1.Condition {
	return metav1.Condition{Type: kind, Status: status, Reason: "Test", Message: message, LastTransitionTime: metav1.Now()}
}

// enough time for a few requests, also on a busy machine, before a command gives
// up.
const enough = 3 * time.Second

func TestRealCluster(t *testing.T) {
	c, little := start(t)
	ctx := t.Context()
	apply := func(text string, dryRun bool) Change {
		t.Helper()
		change, err := c.Apply(ctx, object(t, text), ApplyOptions{DryRun: dryRun})
		if err != nil {
			t.Fatal(err)
		}
		return change
	}

	t.Run("a dry run keeps nothing", func(t *testing.T) {
		if got := apply(shop, true); got != Created {
			t.Errorf("the mesh would be %s", got)
		}
		var gone *MissingError
		if _, err := c.Mesh(ctx, "shop"); !errors.As(err, &gone) {
			t.Errorf("the mesh is there: %v", err)
		}
	})
	t.Run("an apply says what it did", func(t *testing.T) {
		changed := strings.Replace(shop, "check:v1", "check:v2", 1)
		for i, step := range []struct {
			text   string
			dryRun bool
			want   Change
		}{{shop, false, Created}, {shop, false, Unchanged}, {changed, true, Changed}, {shop, true, Unchanged}, {changed, false, Changed}} {
			if got := apply(step.text, step.dryRun); got != step.want {
				t.Errorf("step %d: %s, want %s", i, got, step.want)
			}
		}
		fm, err := c.Mesh(ctx, "shop")
		if err != nil || fm.Spec.Functions[0].Source != "./functions/take-order" || fm.ManagedFields[0].Manager != FieldManager {
			t.Errorf("the mesh is %+v, %v", fm, err)
		}
		for kind, text := range map[string]string{
			"Secret":       "{apiVersion: v1, kind: Secret, metadata: {name: keys}, stringData: {a: b}}",
			"ConfigMap":    "{apiVersion: v1, kind: ConfigMap, metadata: {name: texts}, data: {a: b}}",
			"Component":    "{apiVersion: dapr.io/v1alpha1, kind: Component, metadata: {name: orders}, spec: {type: state.redis, version: v1, metadata: [{name: redisHost, value: \"redis:6379\"}, {name: db, value: 3}]}}",
			"Subscription": "{apiVersion: dapr.io/v2alpha1, kind: Subscription, metadata: {name: sub}, spec: {pubsubname: bus, topic: t, routes: {default: /x}}}",
		} {
			if got := apply(text, false); got != Created {
				t.Errorf("%s was %s", kind, got)
			}
			if got := apply(text, false); got != Unchanged && kind != "Secret" {
				t.Errorf("%s was %s again", kind, got)
			}
		}
	})
	t.Run("what is not taken", func(t *testing.T) {
		for name, tc := range map[string]struct {
			reason, text, want, field string
		}{
			"field": {reason: "strict", text: strings.Replace(shop, "spec:", "spec:\n  colour: red", 1), want: "colour"},
			"value": {reason: "its place is told", text: strings.Replace(shop, "name: checkStock,", "name: checkStock, scaler: magic,", 1),
				want: "Unsupported value", field: "spec.functions[1].scaler"},
			"namespace": {reason: "one that there is not", text: strings.Replace(shop, "name: shop", "name: shop, namespace: nowhere", 1), want: "there is no such namespace"},
			"kind":      {reason: "not ours to apply", text: "{apiVersion: apps/v1, kind: Deployment, metadata: {name: x}}", want: "weft deploy does not apply objects of apps/v1"},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := c.Apply(ctx, object(t, tc.text), ApplyOptions{DryRun: true})
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Fatalf("%s: %v", tc.reason, err)
				}
				var refused *InvalidError
				if tc.field != "" && (!errors.As(err, &refused) || len(refused.Faults) == 0 || refused.Faults[0].Field != tc.field) {
					t.Errorf("%s: %#v", tc.reason, refused)
				}
			})
		}
	})
	t.Run("what others have set", func(t *testing.T) {
		theirs := object(t, strings.Replace(shop, "take:v1", "take:theirs", 1))
		data, err := json.Marshal(theirs)
		if err != nil {
			t.Fatal(err)
		}
		force := true
		if _, err := c.resource(meshes).Patch(ctx, "shop", types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: "theirs", Force: &force}); err != nil {
			t.Fatal(err)
		}
		_, err = c.Apply(ctx, object(t, shop), ApplyOptions{})
		var conflict *ConflictError
		if !errors.As(err, &conflict) || !strings.HasPrefix(err.Error(), "FunctionMesh shop: theirs set .spec.functions") {
			t.Fatalf("theirs is taken: %v", err)
		}
		if change, err := c.Apply(ctx, object(t, shop), ApplyOptions{Force: true}); err != nil || change != Changed {
			t.Errorf("taking over: %s, %v", change, err)
		}
	})
	t.Run("what policies refuse", func(t *testing.T) {
		policies := c.client.Resource(schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicies"})
		bindings := c.client.Resource(schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingadmissionpolicybindings"})
		const policy = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: signed}
spec:
  matchConstraints: {resourceRules: [{apiGroups: [functions.openfunction.io], apiVersions: ["*"], operations: [CREATE, UPDATE], resources: [functionmeshes]}]}
  validations: [{expression: "object.metadata.name != 'unsigned'", message: images must be signed}]`
		const binding = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: signed}
spec: {policyName: signed, validationActions: [Deny]}`
		if _, err := policies.Create(ctx, object(t, policy), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := bindings.Create(ctx, object(t, binding), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := poll(ctx, func() (bool, error) { // the API server takes policies up after a moment
			_, err := c.Apply(ctx, object(t, strings.Replace(shop, "name: shop", "name: unsigned", 1)), ApplyOptions{DryRun: true})
			if err != nil && !strings.Contains(err.Error(), "a policy of the cluster refuses it: ") {
				return false, err
			}
			return err != nil && strings.Contains(err.Error(), "images must be signed"), nil
		}); err != nil {
			t.Error(err)
		}
	})
	t.Run("rights", func(t *testing.T) {
		_, err := little.Mesh(ctx, "shop")
		if err == nil || !strings.Contains(err.Error(), "the kubeconfig's user may not do that") {
			t.Errorf("reading: %v", err)
		}
		if err := little.Delete(ctx, "shop"); err == nil {
			t.Error("deleted without the right to")
		}
		if _, err := little.Apply(ctx, object(t, shop), ApplyOptions{DryRun: true}); err == nil || !strings.Contains(err.Error(), "FunctionMesh shop: the kubeconfig's user may not do that") {
			t.Errorf("applying: %v", err)
		}
	})
	t.Run("waiting", func(t *testing.T) {
		wait := func(limit time.Duration, on func(function, text string)) error {
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			_, err := c.Wait(ctx, "shop", on)
			return err
		}
		quiet := func(string, string) {}
		if err := wait(time.Nanosecond, quiet); err == nil {
			t.Error("a mesh that no controller looked at is ready")
		}
		var missing *NotReadyError
		if err := wait(enough, quiet); !errors.As(err, &missing) || !strings.Contains(err.Error(), "the controller has not looked at it") {
			t.Errorf("nobody looks at it: %v", err)
		}
		say(t, c, "shop", func(s *v1beta1.FunctionMeshStatus) {
			s.Conditions = []metav1.Condition{condition("Ready", metav1.ConditionFalse, "1/2 functions are ready")}
			s.Functions = []v1beta1.FunctionStatus{{Name: "takeOrder", Ready: true}, {Name: "checkStock", Reason: "RevisionFailed", Message: "no such image"}}
		})
		if err := wait(enough, quiet); !errors.As(err, &missing) || len(missing.Functions) != 1 ||
			missing.Functions[0] != (Missing{"checkStock", "RevisionFailed: no such image"}) {
			t.Errorf("a function is not ready: %v, %+v", err, missing)
		}
		var told []string
		err := wait(time.Minute, func(function, text string) {
			told = append(told, function+" "+text)
			if function == "checkStock" && len(told) == 2 {
				say(t, c, "shop", func(s *v1beta1.FunctionMeshStatus) {
					s.Conditions = []metav1.Condition{condition("Ready", metav1.ConditionTrue, "2/2 functions are ready")}
					s.Functions = []v1beta1.FunctionStatus{{Name: "takeOrder", Ready: true}, {Name: "checkStock", Ready: true}}
				})
			}
		})
		if got := strings.Join(told, "; "); err != nil || got != "takeOrder ready; checkStock RevisionFailed: no such image; checkStock ready" {
			t.Errorf("told %q, %v", got, err)
		}
		say(t, c, "shop", func(s *v1beta1.FunctionMeshStatus) {
			s.Conditions = []metav1.Condition{condition("Valid", metav1.ConditionFalse, "a cycle"), condition("Ready", metav1.ConditionFalse, "the mesh is not valid: a cycle")}
		})
		if err := wait(time.Minute, quiet); !errors.As(err, &missing) || !strings.Contains(err.Error(), "a cycle") {
			t.Errorf("no use in waiting: %v", err)
		}
	})
	t.Run("pods that do not start", func(t *testing.T) {
		stuckPod := func(name, function, status string) {
			t.Helper()
			p := object(t, "{apiVersion: v1, kind: Pod, metadata: {name: "+name+", labels: {weft.dev/mesh: bar, weft.dev/function: "+function+"}}, spec: {containers: [{name: c, image: i}]}}")
			if _, err := c.resource(pods).Create(ctx, p, metav1.CreateOptions{}); err != nil {
				t.Fatal(err)
			}
			if _, err := c.resource(pods).Patch(ctx, name, types.MergePatchType, []byte(`{"status":`+status+`}`), metav1.PatchOptions{}, "status"); err != nil {
				t.Fatal(err)
			}
		}
		stuckPod("one", "pulling", `{"containerStatuses":[{"name":"c","image":"i","imageID":"","ready":false,"restartCount":0,"state":{"waiting":{"reason":"ImagePullBackOff","message":"no such image"}}}]}`)
		stuckPod("two", "starting", `{"containerStatuses":[{"name":"c","image":"i","imageID":"","ready":false,"restartCount":0,"state":{"waiting":{"reason":"ContainerCreating"}}}]}`)
		stuckPod("three", "secret", `{"initContainerStatuses":[{"name":"d","image":"i","imageID":"","ready":false,"restartCount":0,"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}`)
		got, err := c.Stuck(ctx, "bar")
		if err != nil || !maps.Equal(got, map[string]string{"pulling": "ImagePullBackOff: no such image", "secret": "CrashLoopBackOff"}) {
			t.Errorf("stuck are %v, %v", got, err)
		}
		if _, err := little.Stuck(ctx, "bar"); err == nil {
			t.Error("pods are told without the right to list them")
		}
		for _, name := range []string{"one", "two", "three"} {
			now := int64(0)
			if err := c.resource(pods).Delete(ctx, name, metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
				t.Fatal(err)
			}
		}
	})
	t.Run("listing and deleting", func(t *testing.T) {
		apply(strings.Replace(shop, "name: shop", "name: bar", 1), false)
		list, err := c.Meshes(ctx)
		if err != nil || len(list) != 2 || list[0].Name != "bar" {
			t.Errorf("meshes: %v, %v", list, err)
		}
		if _, err := c.Front(ctx, "bar", 9091); err == nil || !strings.Contains(err.Error(), "no front of bar is ready") {
			t.Errorf("its front: %v", err)
		}
		const rest = "{apiVersion: v1, kind: ConfigMap, metadata: {name: bar-mesh, labels: {weft.dev/mesh: bar}}, data: {a: b}}"
		apply(rest, false)
		configMaps, _ := kindOf(object(t, rest))
		fm, err := c.Mesh(ctx, "bar")
		if err != nil {
			t.Fatal(err)
		}
		within := func(do func(context.Context) error) error {
			ctx, cancel := context.WithTimeout(ctx, enough)
			defer cancel()
			return do(ctx)
		}
		end := func(ctx context.Context) error { return c.Delete(ctx, "bar") }
		toLook := slices.Clone(made)
		var left *LeftError
		if err := within(end); !errors.As(err, &left) || left.Left[0] != "the FunctionMesh itself" {
			t.Errorf("nobody collects what it owns: %v", err)
		}
		// There is no garbage collector here: the test does its work.
		free := []byte(`{"metadata":{"finalizers":null}}`)
		if _, err := c.resource(meshes).Patch(ctx, "bar", types.MergePatchType, free, metav1.PatchOptions{}); err != nil {
			t.Fatal(err)
		}
		var gone *MissingError
		if err := within(end); !errors.As(err, &gone) {
			t.Errorf("a mesh that is gone: %v", err)
		}
		if names, err := c.left(ctx, "bar", fm.UID, &toLook); err != nil || !slices.Equal(names, []string{"ConfigMap bar-mesh"}) {
			t.Errorf("something of it is left: %v, %v", names, err)
		}
		if err := c.resource(configMaps).Delete(ctx, "bar-mesh", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if names, err := c.left(ctx, "bar", fm.UID, &toLook); err != nil || len(names)+len(toLook) > 0 {
			t.Errorf("nothing is left of it: %v, %v, %v", names, toLook, err)
		}
		apply(rest, false)
		apply(strings.Replace(shop, "name: shop", "name: bar", 1), false)
		if err := c.waitGone(ctx, "bar", fm.UID); err != nil {
			t.Errorf("it was made anew: %v", err)
		}
	})
}
