package controller

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/yaml"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/controller/scheme"
	"github.com/weftmesh/weft/internal/realtest"
)

// server is a real API server with etcd, and none of Kubernetes' controllers:
// nothing runs, and nobody but a test changes anything. All tests of this
// package share it, each in a namespace of its own.
var server struct {
	once sync.Once
	env  *envtest.Environment
	cfg  *rest.Config
	// audit is the file in which the API server writes down each request.
	audit string
	// installed are the paths whose definitions it knows.
	installed map[string]bool
	err       error
}

func TestMain(m *testing.M) {
	log.SetLogger(logr.Discard())
	code := m.Run()
	if server.env != nil {
		if err := server.env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the API server:", err)
			code = 1
		}
		_ = os.RemoveAll(filepath.Dir(server.audit))
	}
	os.Exit(code)
}

// kubeDir is the directory of kube-apiserver, etcd and kubectl, or "" if none is
// named.
func kubeDir() string { return os.Getenv("WEFT_TEST_KUBE") }

const auditPolicy = `{"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitStages": ["RequestReceived"], "rules": [{"level": "Metadata"}]}`

func startServer() error {
	dir, err := os.MkdirTemp("", "weft-api")
	if err != nil {
		return err
	}
	policy := filepath.Join(dir, "policy.yaml")
	server.audit = filepath.Join(dir, "audit.log")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return err
	}
	env := &envtest.Environment{
		BinaryAssetsDirectory: kubeDir(), Scheme: scheme.New(),
		ControlPlaneStartTimeout: 2 * time.Minute, ControlPlaneStopTimeout: time.Minute,
	}
	args := env.ControlPlane.GetAPIServer().Configure()
	args.Set("audit-policy-file", policy)
	args.Set("audit-log-path", server.audit)
	args.Set("service-cluster-ip-range", "10.0.0.0/16") // 254 addresses are soon used up
	args.Set("enable-admission-plugins", "OwnerReferencesPermissionEnforcement")
	if server.cfg, err = env.Start(); err != nil {
		return errors.Join(err, env.Stop())
	}
	server.env, server.installed = env, make(map[string]bool)
	server.cfg.QPS = -1
	return nil
}

// api is the API server as one test sees it.
type api struct {
	t *testing.T
	client.Client
	// ns is the test's namespace.
	ns string
}

var projects = []string{"knative", "keda", "dapr"}

// connect gives the API server, with the definitions of Weft and of others.
func connect(t *testing.T) *api {
	t.Helper()
	realtest.Need(t, "WEFT_TEST_KUBE", "it names a directory with etcd and kube-apiserver: make test-real builds one")
	server.once.Do(func() { server.err = startServer() })
	if server.err != nil {
		t.Fatalf("start the API server: %v", server.err)
	}
	c, err := client.New(server.cfg, client.Options{Scheme: scheme.New()})
	if err != nil {
		t.Fatal(err)
	}
	a := &api{t: t, Client: c, ns: strings.ToLower(regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(t.Name(), "-"))}
	a.install(filepath.Join("..", "manifests", "crd"))
	for _, name := range projects {
		a.install(filepath.Join(kubeDir(), "crds", name))
	}
	for _, name := range []string{"weft-system", a.ns} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if err := client.IgnoreAlreadyExists(c.Create(t.Context(), ns)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { // no later controller looks at what this test has made
		if err := c.DeleteAllOf(context.Background(), &v1beta1.FunctionMesh{}, client.InNamespace(a.ns)); err != nil {
			t.Error(err)
		}
	})
	text, err := os.ReadFile(filepath.Join("..", "manifests", "base", "rbac.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	a.apply("weft-system", string(text))
	return a
}

// install has the API server know the definitions in a directory, or file.
func (a *api) install(path string) {
	a.t.Helper()
	if server.installed[path] {
		return
	}
	server.installed[path] = true
	if _, err := envtest.InstallCRDs(server.cfg, envtest.CRDInstallOptions{Paths: []string{path}, ErrorIfPathMissing: true}); err != nil {
		a.t.Fatal(err)
	}
}

// apply makes the objects of a YAML text, or changes them, as an administrator.
func (a *api) apply(namespace, text string) {
	a.t.Helper()
	for _, u := range a.parse(namespace, text) {
		err := a.Apply(a.t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("test"), client.ForceOwnership)
		if err != nil {
			a.t.Fatalf("apply %s %s: %v", u.GetKind(), u.GetName(), err)
		}
	}
}

// collectGarbage runs Kubernetes' own garbage collector for the rest of the
// test.
func (a *api) collectGarbage() {
	a.t.Helper()
	cmd := exec.Command(filepath.Join(kubeDir(), "kube-controller-manager"),
		"--kubeconfig="+a.kubeconfig("gc", ""), "--controllers=garbage-collector-controller", "--leader-elect=false", "--secure-port=0", "--v=0")
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
}

// kubeconfig of an administrator, who acts as someone unless that is "".
func (a *api) kubeconfig(name, as string) string {
	a.t.Helper()
	user, err := server.env.AddUser(envtest.User{Name: name, Groups: []string{"system:masters"}}, nil)
	if err != nil {
		a.t.Fatal(err)
	}
	config, err := user.KubeConfig()
	if err != nil {
		a.t.Fatal(err)
	}
	if as != "" {
		config = bytes.ReplaceAll(config, []byte("  user:\n"), []byte("  user:\n    as: "+as+"\n"))
	}
	file := filepath.Join(a.t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		a.t.Fatal(err)
	}
	return file
}

// settings of the controllers that tests run.
var settings = desired.Settings{
	Dataplane: "example.com/weft-dataplane:v1",
	Namespace: "weft-system",
	Broker: v1beta1.Component{Name: "weft-broker", Type: "pubsub.jetstream", Version: "v1",
		Metadata: []v1beta1.ComponentMetadata{{Name: "natsURL", Value: "nats://nats.nats:4222"}}},
}

// account is the controller's. It may do what manifests/base/rbac.yaml says, and
// all tests run the controller as it.
const account = "system:serviceaccount:weft-system:weft-controller"

// run runs a controller until the function that it returns is called.
func (a *api) run(edit ...func(*Options)) (stop func()) {
	a.t.Helper()
	cfg := rest.CopyConfig(server.cfg)
	cfg.Impersonate = rest.ImpersonationConfig{UserName: account, Groups: []string{"system:serviceaccounts", "system:authenticated"}}
	o := Options{
		Settings: settings, Metrics: "127.0.0.1:0", Health: "0", conflicts: 300 * time.Millisecond, retire: time.Millisecond,
		Logger: slog.New(slog.NewTextHandler(logOf(a.t), &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for _, f := range edit {
		f(&o)
	}
	mgr, err := New(cfg, o)
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

// testWriter logs until the test has ended: a controller has goroutines that
// outlive it for a moment.
type testWriter struct {
	mu sync.Mutex
	t  *testing.T
}

func logOf(t *testing.T) *testWriter {
	w := &testWriter{t: t}
	t.Cleanup(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.t = nil
	})
	return w
}

func (w *testWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.t != nil {
		w.t.Logf("%s", bytes.TrimSuffix(p, []byte("\n")))
	}
	return len(p), nil
}

// create makes the objects of a YAML text in the test's namespace.
func (a *api) create(text string) {
	a.t.Helper()
	for _, u := range a.parse(a.ns, text) {
		if err := a.Create(a.t.Context(), u); err != nil {
			a.t.Fatalf("create %s %s: %v", u.GetKind(), u.GetName(), err)
		}
	}
}

// delete removes an object of the test's namespace.
func (a *api) delete(k kind, name string) {
	a.t.Helper()
	if err := a.Delete(a.t.Context(), a.get(k, name)); err != nil {
		a.t.Fatal(err)
	}
}

func (a *api) parse(namespace, text string) []*unstructured.Unstructured {
	a.t.Helper()
	var all []*unstructured.Unstructured
	for _, doc := range regexp.MustCompile(`(?m)^---.*$`).Split(text, -1) {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			a.t.Fatalf("%v\n%s", err, doc)
		}
		if len(u.Object) == 0 {
			continue
		}
		u.SetNamespace(namespace)
		all = append(all, u)
	}
	return all
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

// says waits until a condition of a mesh begins with a text, and gives it all; ""
// waits until there is no such condition.
func (a *api) says(mesh, condition, begin string) string {
	a.t.Helper()
	text := ""
	a.eventually(mesh+" says "+condition+": "+begin, func() (bool, string) {
		fm := a.mesh(mesh)
		text = conditionOf(fm, condition)
		return fm.Status.ObservedGeneration == fm.Generation && strings.HasPrefix(text, begin) && (begin != "" || text == ""), fmt.Sprint(fm.Status.Conditions)
	})
	return text
}

// names of a mesh's objects of a kind.
func (a *api) names(k kind, mesh string) []string {
	a.t.Helper()
	list := k.list()
	if err := a.List(a.t.Context(), list, client.InNamespace(a.ns), client.MatchingLabels{desired.LabelMesh: mesh}); err != nil {
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
	if err := a.Get(a.t.Context(), client.ObjectKey{Namespace: a.ns, Name: name}, fm); err != nil {
		a.t.Fatal(err)
	}
	return fm
}

// conditionOf a mesh, as "True Reason: message"; "" if it has none.
func conditionOf(fm *v1beta1.FunctionMesh, kind string) string {
	for _, c := range fm.Status.Conditions {
		if c.Type == kind {
			return fmt.Sprintf("%s %s: %s", c.Status, c.Reason, c.Message)
		}
	}
	return ""
}

// events that were told of a mesh, as "Type Reason"; one that came again counts
// as often as it came.
func (a *api) events(mesh string) []string {
	a.t.Helper()
	list := &eventsv1.EventList{}
	if err := a.List(a.t.Context(), list, client.InNamespace(a.ns)); err != nil {
		a.t.Fatal(err)
	}
	var all []string
	for _, e := range list.Items {
		if e.Regarding.Name != mesh {
			continue
		}
		times := 1
		if e.Series != nil {
			times = int(e.Series.Count)
		}
		for range times {
			all = append(all, e.Type+" "+e.Reason)
		}
	}
	return all
}

func count(list []string, one string) int {
	n := 0
	for _, e := range list {
		if e == one {
			n++
		}
	}
	return n
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
	a.says(mesh, ConditionApplied, "True")
}

func (a *api) get(k kind, name string) *unstructured.Unstructured {
	a.t.Helper()
	u := k.object()
	if err := a.Get(a.t.Context(), client.ObjectKey{Namespace: a.ns, Name: name}, u); err != nil {
		a.t.Fatal(err)
	}
	return u
}

// merge changes an object as anyone might.
func (a *api) merge(o client.Object, patch string) {
	a.t.Helper()
	if err := a.Patch(a.t.Context(), o, client.RawPatch("application/merge-patch+json", []byte(patch))); err != nil {
		a.t.Fatal(err)
	}
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

// versions of all objects of a mesh.
func (a *api) versions(mesh string) map[string]string {
	a.t.Helper()
	versions := make(map[string]string)
	for _, k := range kinds {
		list := k.list()
		if err := a.List(a.t.Context(), list, client.InNamespace(a.ns), client.MatchingLabels{desired.LabelMesh: mesh}); err != nil {
			a.t.Fatal(err)
		}
		for _, o := range list.Items {
			versions[key(&o)] = o.GetResourceVersion()
		}
	}
	return versions
}
