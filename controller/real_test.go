package controller

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
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
	env := &envtest.Environment{BinaryAssetsDirectory: dir, CRDDirectoryPaths: paths, ErrorIfCRDPathMissing: true, Scheme: desired.Scheme()}
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
	c, err := client.New(cfg, client.Options{Scheme: desired.Scheme()})
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

// A mesh gets its objects, all of them, and a status.
func TestRealCreate(t *testing.T) {
	a := startAPI(t, crdsOf...)
	a.run()
	a.create(shop)
	a.eventually("the mesh is applied", func() (bool, string) {
		c := a.condition("shop", ConditionApplied)
		return strings.HasPrefix(c, "True"), c
	})
	t.Log(a.names(kindDeployment, "shop"), a.names(kindKnativeService, "shop"), a.names(kindScaledObject, "shop"), a.names(kindComponent, "shop"))
	for _, c := range a.mesh("shop").Status.Conditions {
		t.Logf("%s %s %s: %s", c.Type, c.Status, c.Reason, c.Message)
	}
	for _, f := range a.mesh("shop").Status.Functions {
		t.Logf("%+v", f)
	}
}
