package mesh_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"sigs.k8s.io/yaml"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/meshtest"
)

func articleTwo(t *testing.T) *mesh.Plan {
	t.Helper()
	data, err := os.ReadFile("source/testdata/article/file-two.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return meshtest.Plan(t, string(data))
}

func TestCompileNames(t *testing.T) {
	p := articleTwo(t)
	got := *p.Function("validateInventory")
	want := mesh.Function{
		Name: "validateInventory", KubeName: "validate-inventory", Index: 1,
		Service:     "order-processing-mesh-validate-inventory",
		Source:      "/production/order-processing-mesh/validate-inventory",
		Type:        "order-processing-mesh.validate-inventory.output",
		Stream:      "WEFT_production_order-processing-mesh_validate-inventory",
		Subject:     "weft.production.order-processing-mesh.validate-inventory",
		Concurrency: 100, Timeout: 30 * time.Second,
		Scaling: mesh.Scaling{Min: 1, Max: 20, TargetCPU: 70, TargetMemory: 80, TargetConcurrency: 70},
		Retry:   mesh.Retry{MaxAttempts: 3, Backoff: v1beta1.BackoffExponential, InitialInterval: time.Second, MaxInterval: 30 * time.Second},
		Breaker: mesh.Breaker{FailureThreshold: 5, RecoveryTimeout: time.Minute},
		State:   []string{mesh.DefaultStore},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(mesh.Function{}, "Env", "Resources", "In", "Out", "Spec")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if p.Function("validate-inventory") != p.Function("validateInventory") {
		t.Error("a function is found by both names")
	}
	if p.Function("nobody") != nil {
		t.Error("nobody is no function")
	}
	ingest := p.Function("ingestOrder")
	if ingest.Triggers[0].Path != "/orders" || len(ingest.HTTP()) != 1 || ingest.Queued() || !p.Function("notifyUser").Queued() {
		t.Error("ingestOrder is called by HTTP alone, notifyUser by its queue")
	}
	var names []string
	for _, f := range p.Downstream(ingest) {
		names = append(names, f.Name)
	}
	if diff := cmp.Diff([]string{"validateInventory", "notifyUser"}, names); diff != "" {
		t.Error(diff)
	}
	if got := p.Links[0].String(); got != "ingestOrder->validateInventory" {
		t.Error(got)
	}
}

// Compile leaves its argument alone: the controller passes cached objects.
func TestCompileLeavesTheMesh(t *testing.T) {
	fm := &v1beta1.FunctionMesh{}
	if err := yaml.Unmarshal([]byte("metadata: {name: a}\nspec: {functions: [{name: b, triggers: [{type: http}]}]}"), fm); err != nil {
		t.Fatal(err)
	}
	before := fm.DeepCopy()
	if _, problems := mesh.Compile(fm); problems.Err() != nil {
		t.Fatal(problems)
	}
	if diff := cmp.Diff(before, fm); diff != "" {
		t.Error(diff)
	}
}

func TestCompileRefuses(t *testing.T) {
	plan, problems := mesh.Compile(&v1beta1.FunctionMesh{})
	if plan != nil || problems.Err() == nil {
		t.Fatalf("got %v, %v", plan, problems)
	}
	if want := "metadata.name: is missing; name the mesh"; !strings.Contains(problems.Err().Error(), want) {
		t.Errorf("got %v, want %q", problems.Err(), want)
	}
}

func TestEffectivePolicies(t *testing.T) {
	p := meshtest.Plan(t, `
spec:
  functions:
    - {name: a, triggers: [{type: http}]}
    - name: b
      concurrency: 1
      timeout: 4s
      scaling: {maxReplicas: 2}
      retry: {maxAttempts: 7, initialInterval: 2s}
      circuitBreaker: {recoveryTimeout: 3s}
  connections:
    - {from: a, to: b, retry: {backoff: constant, maxAttempts: 9}}
    - {from: a, to: b, condition: "true"}
  policies:
    scaling:
      minReplicas: 1
      targetConcurrency: 5
      cron: [{start: 0 8 * * *, end: 0 18 * * *, replicas: 2}]
    retry: {backoff: linear, maxInterval: 20s}
    timeout: {max: 10s}
    circuitBreaker: {failureThreshold: 2}
`)
	a, b := p.Function("a"), p.Function("b")
	if diff := cmp.Diff(mesh.Scaling{Min: 1, Max: 2, TargetConcurrency: 5, Cron: p.Mesh.Spec.Policies.Scaling.Cron}, b.Scaling); diff != "" || len(b.Scaling.Cron) != 1 {
		t.Errorf("scaling, -want +got:\n%s", diff)
	}
	if got, want := p.Links[0].Retry, (mesh.Retry{MaxAttempts: 9, Backoff: "constant", InitialInterval: 2e9, MaxInterval: 20e9}); got != want {
		t.Errorf("the link over the function over the policy: %+v, want %+v", got, want)
	}
	if got, want := p.Links[1].Retry, (mesh.Retry{MaxAttempts: 7, Backoff: "linear", InitialInterval: 2e9, MaxInterval: 20e9}); got != want {
		t.Errorf("the function over the policy: %+v, want %+v", got, want)
	}
	if got, want := b.Breaker, (mesh.Breaker{FailureThreshold: 2, RecoveryTimeout: 3e9}); got != want {
		t.Errorf("breaker %+v, want %+v", got, want)
	}
	if a.Timeout != 10*time.Second || b.Timeout != 4*time.Second || b.Concurrency != 1 {
		t.Errorf("the default timeout gives way to a lower maximum: %s, %s", a.Timeout, b.Timeout)
	}
}

func TestComponentScopes(t *testing.T) {
	const store, mail, scoped = "{name: store, type: state.redis}", "{name: mail, type: bindings.smtp}", "{name: scoped, type: state.redis, scopes: [test-second-one]}"
	cases := map[string]struct {
		reason                string
		first, second         string
		state, otherState     []string
		bindings, otherBindng []string
	}{
		"Nobody":    {"nobody declares, so all see what has no scopes", "", "", []string{"store"}, []string{"scoped", "store"}, []string{"mail"}, []string{"mail"}},
		"One":       {"one declares, so the others see scopes only", "state: [store]", "", []string{"store"}, []string{"scoped"}, nil, nil},
		"OtherKind": {"declaring bindings counts for state too", "bindings: [mail]", "", nil, []string{"scoped"}, []string{"mail"}, nil},
		"Empty":     {"an empty list means none", "", "state: []", nil, []string{}, nil, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := meshtest.Plan(t, "spec:\n  functions:\n    - {name: first, triggers: [{type: http}], "+tc.first+"}\n    - {name: secondOne, triggers: [{type: http}], "+tc.second+"}\n"+
				"  components: ["+store+", "+mail+", "+scoped+"]\n")
			a, b := p.Functions[0], p.Functions[1]
			for what, pair := range map[string][2][]string{
				"state of first": {tc.state, a.State}, "state of second": {tc.otherState, b.State},
				"bindings of first": {tc.bindings, a.Bindings}, "bindings of second": {tc.otherBindng, b.Bindings},
			} {
				if diff := cmp.Diff(pair[0], pair[1], cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s: %s: -want +got:\n%s", tc.reason, what, diff)
				}
			}
		})
	}
}

// A component given beside the mesh wins over an inline one of its name.
func TestComponentBeside(t *testing.T) {
	fm := &v1beta1.FunctionMesh{}
	text := "metadata: {name: a}\nspec: {functions: [{name: b, triggers: [{type: http}]}], components: [{name: s, type: state.redis}]}"
	if err := yaml.Unmarshal([]byte(text), fm); err != nil {
		t.Fatal(err)
	}
	p, problems := mesh.Compile(fm, v1beta1.Component{Name: "s", Type: "state.sqlite"}, v1beta1.Component{Name: "t", Type: "state.redis"})
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	if p.Components["s"].Type != "state.sqlite" || p.Components["t"].Version != "v1" || !slices.Equal(p.Functions[0].State, []string{"s", "t"}) {
		t.Errorf("got %v, %v", p.Components, p.Functions[0].State)
	}
	_, problems = mesh.Compile(fm, v1beta1.Component{Name: "t", Type: "redis"})
	name, field, ok := mesh.ComponentPath(problems[0].Path)
	if name != "t" || field != "type" || !ok {
		t.Errorf("got %v", problems)
	}
}

func TestServiceName(t *testing.T) {
	long := strings.Repeat("long-", 8) + "mesh"
	a, b := mesh.ServiceName(long, "aVeryLongFunctionName"), mesh.ServiceName(long, "aVeryLongFunctionNome")
	if len(a) > 52 || len(b) > 52 || a == b {
		t.Errorf("got %s and %s", a, b)
	}
	if got := mesh.ServiceName(strings.Repeat("m", 42), "abcdefghi"); len(got) != 52 || got[43:] != "abcdefghi" {
		t.Errorf("52 characters stay as they are: %s", got)
	}
}

func TestCycles(t *testing.T) {
	p := meshtest.Plan(t, `
spec:
  functions: [{name: a, triggers: [{type: http}]}, {name: b}, {name: c}, {name: d}]
  connections:
    - {from: b, to: c}
    - {from: c, to: a}
    - {from: a, to: b}
    - {from: c, to: b}
    - {from: c, to: d}
`)
	var got []string
	for _, cycle := range p.Cycles() {
		s := ""
		for _, l := range cycle {
			s += l.From.Name
		}
		got = append(got, s)
	}
	if diff := cmp.Diff([]string{"bc", "abc"}, got); diff != "" {
		t.Error(diff)
	}
	if got := p.Downstream(p.Function("a")); len(got) != 4 || got[len(got)-1].Name != "d" && got[len(got)-2].Name != "d" {
		t.Errorf("downstream of a: %v", got)
	}
}

func TestNearest(t *testing.T) {
	names := []string{"triggers", "timeout", "traffic", "name", "minReplicas"}
	for word, want := range map[string]string{
		"triger": "triggers", "timout": "timeout", "nmae": "name", "MinReplicas": "minReplicas", "minreplica": "minReplicas",
		"x": "", "colour": "", "name": "", "": "", strings.Repeat("t", 1000): "",
	} {
		if got := mesh.Nearest(word, names); got != want {
			t.Errorf("%.20s: got %q, want %q", word, got, want)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	p := meshtest.Plan(b, "spec: {functions: [{name: a, triggers: [{type: http}]}, {name: b}], connections: [{from: a, to: b, condition: result.x > 1}]}")
	for b.Loop() {
		if _, problems := mesh.Compile(p.Mesh); problems.Err() != nil {
			b.Fatal(problems)
		}
	}
}
