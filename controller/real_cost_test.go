package controller

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/api/v1beta1"
)

// What is measured where WEFT_TEST_COST=1, and otherwise: meshes of ten
// functions, ten to a namespace, and how long nothing happens.
const (
	costMeshes, costIdle   = 200, 5 * time.Minute
	fewMeshes, shortlyIdle = 20, 10 * time.Second
	perNamespace           = 10
)

// program is a controller that runs as a process of its own.
type program struct {
	a   *api
	cmd *exec.Cmd
	log safeBuffer
}

// start runs weft-controller as its own account.
func (a *api) start(binary string) *program {
	a.t.Helper()
	p := &program{a: a, cmd: exec.Command(binary, "--dataplane", settings.Dataplane, "--nats", "nats://nats.nats:4222",
		"--namespace", settings.Namespace, "--metrics", "127.0.0.1:0", "--health", "0")}
	p.cmd.Env = append(os.Environ(), "KUBECONFIG="+a.kubeconfig("operator", account))
	p.cmd.Stderr = &p.log
	if err := p.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

func (p *program) end() {
	p.a.t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		p.a.t.Errorf("the controller ended: %v\n%s", err, p.log.String())
	}
}

// memory in use, and the most that there was, in MB.
func (p *program) memory() (now, most float64) {
	p.a.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		p.a.t.Fatalf("%v\n%s", err, p.log.String())
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		kB := func() float64 { n, _ := strconv.ParseFloat(fields[1], 64); return n / 1000 }
		switch fields[0] {
		case "VmRSS:":
			now = kB()
		case "VmHWM:":
			most = kB()
		}
	}
	return now, most
}

// processor time that it has used, in seconds.
func (p *program) processor() float64 {
	p.a.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		p.a.t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')'):]))
	user, _ := strconv.ParseFloat(fields[12-1], 64)
	system, _ := strconv.ParseFloat(fields[13-1], 64)
	return (user + system) / 100
}

// written counts the writes that the API server has had, of anyone but for its
// own leases: the metric apiserver_request_total.
func (a *api) written() int {
	a.t.Helper()
	c, err := discovery.NewDiscoveryClientForConfig(server.cfg)
	if err != nil {
		a.t.Fatal(err)
	}
	text, err := c.RESTClient().Get().AbsPath("/metrics").DoRaw(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		a.t.Fatal(err)
	}
	sum := 0.
	for _, m := range families["apiserver_request_total"].GetMetric() {
		labels := make(map[string]string)
		for _, l := range m.Label {
			labels[l.GetName()] = l.GetValue()
		}
		if !slices.Contains([]string{"GET", "LIST", "WATCH", "CONNECT"}, labels["verb"]) && labels["resource"] != "leases" {
			sum += m.GetCounter().GetValue()
		}
	}
	return int(sum)
}

// settled waits until nothing has been written for a while.
func (a *api) settled() int {
	a.t.Helper()
	last, since := a.written(), time.Now()
	a.eventually("nothing is written any more", func() (bool, string) {
		if now := a.written(); now != last {
			last, since = now, time.Now()
		}
		return time.Since(since) > 3*time.Second, fmt.Sprint(last)
	})
	return last
}

// ten functions in a row: the first is called by clients, the last is scaled by
// KEDA, and two keep state.
func ten(namespace, name string) *v1beta1.FunctionMesh {
	fm := &v1beta1.FunctionMesh{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	for i := range 10 {
		f := v1beta1.Function{Name: fmt.Sprintf("function%d", i), Image: fmt.Sprintf("example.com/function:%d", i)}
		switch i {
		case 0:
			f.Triggers = []v1beta1.Trigger{{Type: v1beta1.TriggerHTTP, Path: "/orders"}}
		case 3, 6:
			f.State = []string{name}
		case 9:
			f.Scaler = v1beta1.ScalerKEDA
		}
		fm.Spec.Functions = append(fm.Spec.Functions, f)
		if i > 0 {
			fm.Spec.Connections = append(fm.Spec.Connections, v1beta1.Connection{From: fmt.Sprintf("function%d", i-1), To: f.Name})
		}
	}
	fm.Spec.Components = []v1beta1.Component{{Name: name, Type: "state.redis", Version: "v1", Metadata: []v1beta1.ComponentMetadata{{Name: "redisHost", Value: "redis:6379"}}}}
	return fm
}

// Many meshes cost no more than their objects, and nothing once they are there,
// also when a controller comes anew.
func TestRealCost(t *testing.T) {
	meshes, idle := fewMeshes, shortlyIdle
	if os.Getenv("WEFT_TEST_COST") == "1" {
		meshes, idle = costMeshes, costIdle
	}
	a := connect(t)
	binary := filepath.Join(t.TempDir(), "weft-controller")
	if out, err := exec.Command("go", "build", "-o", binary, "../cmd/weft-controller").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	p := a.start(binary)
	a.create(nightly)
	a.applied("nightly")
	empty, _ := p.memory()
	from, before := a.audited(), p.processor()

	began := time.Now()
	for i := range meshes {
		namespace := fmt.Sprintf("%s-%d", a.ns, i/perNamespace)
		if i%perNamespace == 0 {
			if err := a.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := a.DeleteAllOf(context.Background(), &v1beta1.FunctionMesh{}, client.InNamespace(namespace)); err != nil {
					t.Error(err)
				}
			})
		}
		if err := a.Create(t.Context(), ten(namespace, fmt.Sprintf("mesh-%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	created := time.Since(began)
	for applied := 0; applied < meshes; time.Sleep(200 * time.Millisecond) {
		list := &v1beta1.FunctionMeshList{}
		if err := a.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		applied = 0
		for i := range list.Items {
			if fm := &list.Items[i]; strings.HasPrefix(fm.Name, "mesh-") && strings.HasPrefix(conditionOf(fm, ConditionApplied), "True") {
				applied++
			}
		}
		if time.Since(began) > 10*time.Minute {
			log := p.log.String()
			t.Fatalf("%d of %d meshes are applied; at last the controller says\n%s", applied, meshes, log[max(0, len(log)-4096):])
		}
	}
	took := time.Since(began)
	a.settled()

	calls, total := make(map[string]int), 0
	for _, r := range a.requests(from) {
		calls[r.right()]++
		total++
	}
	ns := *a
	ns.ns = a.ns + "-0"
	objects := len(ns.versions("mesh-0"))
	now, most := p.memory()
	t.Logf("%d meshes of 10 functions and %d objects: created in %.1f s, all applied after %.1f s; processor %.1f s", meshes, objects, created.Seconds(), took.Seconds(), p.processor()-before)
	t.Logf("API calls for each: %.2f", float64(total)/float64(meshes))
	for _, what := range slices.SortedFunc(maps.Keys(calls), func(x, y string) int { return cmp.Or(calls[y]-calls[x], cmp.Compare(x, y)) }) {
		t.Logf("  %.2f %s", float64(calls[what])/float64(meshes), what)
	}
	t.Logf("memory: %.0f MB without meshes, %.0f MB now, %.0f MB at most", empty, now, most)
	// Each object, the status twice, and an event of it.
	if each := float64(total) / float64(meshes); each > float64(objects)+4 {
		t.Errorf("each mesh of %d objects took %.1f calls", objects, each)
	}

	quiet := func(what string, idle time.Duration) {
		t.Helper()
		from, before, processor := a.audited(), a.written(), p.processor()
		time.Sleep(idle)
		now, _ := p.memory()
		t.Logf("%s: in %s %d writes by anyone, %d calls of the controller's, processor %.2f s; memory %.0f MB",
			what, idle, a.written()-before, len(a.requests(from)), p.processor()-processor, now)
		if n := a.written() - before; n != 0 {
			t.Errorf("%s: %d writes while nothing happens", what, n)
		}
	}
	quiet("idle", idle)

	p.end()
	from, wrote := a.audited(), a.settled()
	p = a.start(binary)
	a.create(strings.ReplaceAll(nightly, "nightly", "later")) // it is looked at after the others
	a.applied("later")
	a.settled()
	later := len(a.versions("later"))
	t.Logf("started again: %d calls, %d writes, of which %d are for another mesh; processor %.1f s", len(a.requests(from)), a.written()-wrote, later+3, p.processor())
	for _, r := range a.requests(from) {
		if strings.HasPrefix(r.ObjectRef.Namespace, a.ns+"-") {
			t.Errorf("started again it does %s in %s, where nothing has changed", r.right(), r.ObjectRef.Namespace)
		}
	}
	quiet("started again", shortlyIdle)
	p.end()
}
