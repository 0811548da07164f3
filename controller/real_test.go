package controller

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/controller/scheme"
)

// api is a real API server with etcd and the garbage collector, and the
// definitions of Knative, KEDA and Dapr, but none of their controllers: nothing
// runs, and nobody but the test changes anything.
type api struct {
	t   *testing.T
	cfg *rest.Config
	client.Client
	env *envtest.Environment
}

// kubeDir is the directory of kube-apiserver, etcd and kubectl.
func kubeDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("WEFT_TEST_KUBE")
	if dir == "" {
		if os.Getenv("WEFT_REAL") == "1" {
			t.Fatal("WEFT_TEST_KUBE names no directory with kube-apiserver and etcd: run hack/test-real.sh")
		}
		t.Skip("needs an API server: make test-real builds one")
	}
	return dir
}

// crdsOf others that a test's cluster has.
var crdsOf = []string{"knative", "keda", "dapr"}

func startAPI(t *testing.T, crds ...string) *api {
	t.Helper()
	dir := kubeDir(t)
	paths := []string{filepath.Join("..", "manifests", "crd")}
	for _, name := range crds {
		paths = append(paths, filepath.Join(dir, "crds", name))
	}
	env := &envtest.Environment{BinaryAssetsDirectory: dir, CRDDirectoryPaths: paths, ErrorIfCRDPathMissing: true, Scheme: scheme.New()}
	cfg, err := env.Start()
	if err != nil {
		t.Fatalf("start the API server: %v", err)
	}
	t.Cleanup(func() {
		if err := env.Stop(); err != nil {
			t.Errorf("stop the API server: %v", err)
		}
	})
	cfg.QPS, cfg.Burst = 1000, 1000
	c, err := client.New(cfg, client.Options{Scheme: scheme.New()})
	if err != nil {
		t.Fatal(err)
	}
	return &api{t: t, cfg: cfg, Client: c, env: env}
}

// collectGarbage runs Kubernetes' own garbage collector.
func (a *api) collectGarbage() {
	a.t.Helper()
	user, err := a.env.AddUser(envtest.User{Name: "gc", Groups: []string{"system:masters"}}, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	config, err := user.KubeConfig()
	if err != nil {
		a.t.Fatal(err)
	}
	file := filepath.Join(a.t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		a.t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(kubeDir(a.t), "kube-controller-manager"),
		"--kubeconfig="+file, "--controllers=garbage-collector-controller", "--leader-elect=false", "--secure-port=0", "--v=0")
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// settings of the controllers that tests run.
var settings = desired.Settings{
	Dataplane: "example.com/weft-dataplane:v1",
	Namespace: "weft-system",
	Broker: v1beta1.Component{Name: "weft-broker", Type: "pubsub.jetstream", Version: "v1",
		Metadata: []v1beta1.ComponentMetadata{{Name: "natsURL", Value: "nats://nats.nats:4222"}}},
}

// run runs a controller until the function that it returns is called.
func (a *api) run() (stop func()) {
	a.t.Helper()
	mgr, err := New(a.cfg, Options{Settings: settings, Metrics: "127.0.0.1:0", Health: "0", Logger: slog.New(slog.NewTextHandler(testWriter{a.t}, nil))})
	if err != nil {
		a.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- mgr.Start(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			a.t.Errorf("the controller ended: %v", err)
		}
	})
	a.t.Cleanup(stop)
	return stop
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", bytes.TrimSuffix(p, []byte("\n")))
	return len(p), nil
}

// create makes the objects of a YAML text.
func (a *api) create(text string) {
	a.t.Helper()
	for _, doc := range strings.Split(text, "\n---\n") {
		if err := a.Create(a.t.Context(), a.parse(doc)); err != nil {
			a.t.Fatalf("create: %v\n%s", err, doc)
		}
	}
}

func (a *api) parse(doc string) *unstructured.Unstructured {
	a.t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
		a.t.Fatalf("%v\n%s", err, doc)
	}
	if u.GetNamespace() == "" {
		u.SetNamespace("default")
	}
	return u
}

// eventually waits until something holds that others bring about.
func (a *api) eventually(what string, holds func() (bool, string)) {
	a.t.Helper()
	seen := ""
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var ok bool
		if ok, seen = holds(); ok {
			return
		}
	}
	a.t.Fatalf("it never came about that %s; at last: %s", what, seen)
}

// names of a mesh's objects of a kind.
func (a *api) names(k kind, mesh string) []string {
	a.t.Helper()
	list := k.list()
	if err := a.List(a.t.Context(), list, client.InNamespace("default"), client.MatchingLabels{desired.LabelMesh: mesh}); err != nil {
		a.t.Fatal(err)
	}
	var names []string
	for _, o := range list.Items {
		names = append(names, o.GetName())
	}
	return names
}

func (a *api) mesh(name string) *v1beta1.FunctionMesh {
	a.t.Helper()
	fm := &v1beta1.FunctionMesh{}
	if err := a.Get(a.t.Context(), client.ObjectKey{Namespace: "default", Name: name}, fm); err != nil {
		a.t.Fatal(err)
	}
	return fm
}

// condition of a mesh, as "True Reason: message"; "" if it has none.
func (a *api) condition(mesh, kind string) string {
	a.t.Helper()
	for _, c := range a.mesh(mesh).Status.Conditions {
		if c.Type == kind {
			return fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)
		}
	}
	return ""
}

const shop = `
apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: shop}
spec:
  functions:
    - {name: ingestOrder, image: example.com/ingest:v1, triggers: [{type: http, path: /orders, methods: [POST]}]}
    - {name: validateInventory, image: example.com/validate:v1, state: [order-state]}
    - {name: notifyUser, image: example.com/notify:v1, scaler: keda, env: [{name: A, value: "1"}, {name: B, value: "2"}]}
  connections:
    - {from: ingestOrder, to: validateInventory}
    - {from: validateInventory, to: notifyUser, condition: result.valid == true}
  components:
    - {name: order-state, type: state.redis, version: v1, metadata: [{name: redisHost, value: "redis:6379"}]}
`

// applied waits until all of a mesh's objects are as desired at the present
// generation.
func (a *api) applied(mesh string) {
	a.t.Helper()
	a.eventually(mesh+" is applied", func() (bool, string) {
		fm := a.mesh(mesh)
		return fm.Status.ObservedGeneration == fm.Generation && strings.HasPrefix(a.condition(mesh, ConditionApplied), "True"), a.condition(mesh, ConditionApplied)
	})
}

func (a *api) get(k kind, name string) *unstructured.Unstructured {
	a.t.Helper()
	u := k.object()
	if err := a.Get(a.t.Context(), client.ObjectKey{Namespace: "default", Name: name}, u); err != nil {
		a.t.Fatal(err)
	}
	return u
}

// change edits a mesh.
func (a *api) change(name string, edit func(*v1beta1.FunctionMesh)) {
	a.t.Helper()
	fm := a.mesh(name)
	patch := client.MergeFrom(fm.DeepCopy())
	edit(fm)
	if err := a.Patch(a.t.Context(), fm, patch); err != nil {
		a.t.Fatal(err)
	}
}

// A mesh gets its objects, keeps them against drift, is updated in place, and
// what it no longer has goes.
func TestRealMesh(t *testing.T) {
	a := startAPI(t, crdsOf...)
	stop := a.run()
	a.create(shop)
	a.applied("shop")
	for k, want := range map[*kind]string{
		&kindDeployment: "[shop shop-front shop-notify-user]", &kindKnativeService: "[shop-ingest-order shop-validate-inventory]",
		&kindScaledObject: "[shop shop-notify-user]", &kindComponent: "[order-state]",
	} {
		if got := fmt.Sprint(a.names(*k, "shop")); got != want {
			t.Errorf("%s: got %s, want %s", k.Kind, got, want)
		}
	}
	if got := a.condition("shop", ConditionReady); !strings.HasPrefix(got, "False FunctionsNotReady: 0/3") {
		t.Errorf("Ready is %s", got)
	}
	tokens := a.get(core("Secret"), "shop-tokens")
	data, _, _ := unstructured.NestedStringMap(tokens.Object, "data")
	if len(data) != 3 || len(data["ingest-order"]) < 40 || data["ingest-order"] == data["notify-user"] {
		t.Errorf("tokens: %d of them", len(data))
	}

	t.Run("drift is mended", func(t *testing.T) {
		d := a.get(kindDeployment, "shop-front")
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"template":{"spec":{"serviceAccountName":"someone"}}}}`))
		if err := a.Patch(t.Context(), d, patch); err != nil {
			t.Fatal(err)
		}
		a.eventually("the front has its account again", func() (bool, string) {
			got, _, _ := unstructured.NestedString(a.get(kindDeployment, "shop-front").Object, "spec", "template", "spec", "serviceAccountName")
			return got == "shop-front", got
		})
		if err := a.Delete(t.Context(), a.get(kindKnativeService, "shop-ingest-order")); err != nil {
			t.Fatal(err)
		}
		a.eventually("the Knative Service is there again", func() (bool, string) {
			return slices.Contains(a.names(kindKnativeService, "shop"), "shop-ingest-order"), "not"
		})
	})

	t.Run("what scales keeps its number", func(t *testing.T) {
		d := a.get(kindDeployment, "shop")
		if err := a.Patch(t.Context(), d, client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"replicas":7}}`))); err != nil {
			t.Fatal(err)
		}
		a.change("shop", func(fm *v1beta1.FunctionMesh) { fm.Spec.Functions[0].Image = "example.com/ingest:v2" })
		a.applied("shop")
		if n, _, _ := unstructured.NestedInt64(a.get(kindDeployment, "shop").Object, "spec", "replicas"); n != 7 {
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
		a.eventually("it says that it is paused", func() (bool, string) {
			c := a.condition("shop", ConditionPaused)
			return strings.HasPrefix(c, "True"), c
		})
		if err := a.Delete(t.Context(), a.get(core("Service"), "shop-front")); err != nil {
			t.Fatal(err)
		}
		a.change("shop", func(fm *v1beta1.FunctionMesh) { fm.Labels = map[string]string{"x": "y"} })
		a.change("shop", func(fm *v1beta1.FunctionMesh) { delete(fm.Annotations, desired.AnnotationPaused) })
		a.eventually("its Service is there again", func() (bool, string) {
			return slices.Contains(a.names(core("Service"), "shop"), "shop-front") && a.condition("shop", ConditionPaused) == "", a.condition("shop", ConditionPaused)
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

// versions of all objects of a mesh.
func (a *api) versions(mesh string) map[string]string {
	a.t.Helper()
	versions := make(map[string]string)
	for _, k := range kinds {
		list := k.list()
		if err := a.List(a.t.Context(), list, client.InNamespace("default"), client.MatchingLabels{desired.LabelMesh: mesh}); err != nil {
			a.t.Fatal(err)
		}
		for _, o := range list.Items {
			versions[key(&o)] = o.GetResourceVersion()
		}
	}
	return versions
}
