package desired_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/source"
)

// samples are meshes with much in them.
func samples(t *testing.T) map[string]*mesh.Plan {
	t.Helper()
	plans := make(map[string]*mesh.Plan)
	for _, file := range []string{
		"samples/article/file-one.yaml", "samples/article/file-two.yaml", "samples/order-processing/mesh.yaml", "samples/fan-out-join/mesh.yaml",
		"testdata/render/everything/mesh.yaml",
	} {
		b, problems := source.Load(filepath.Join("..", "..", file), source.Options{Cluster: true})
		if b.Plan == nil {
			t.Fatal(problems)
		}
		plans[file] = b.Plan
	}
	return plans
}

// TestEveryCluster makes what each sample is to have on each kind of cluster:
// whatever is missing, the rest is valid.
func TestEveryCluster(t *testing.T) {
	for file, plan := range samples(t) {
		t.Run(filepath.Base(filepath.Dir(file))+"-"+filepath.Base(file), func(t *testing.T) {
			for bits := range 32 {
				has := func(i int) bool { return bits>>i&1 == 1 }
				s := settings()
				s.Has = desired.Installed{Knative: has(0), KEDA: has(1), Dapr: has(2), HPA: has(3), ZeroInitialScale: has(3)}
				found := desired.Found{}
				if has(4) {
					found = desired.Found{
						Owner:         &metav1.OwnerReference{APIVersion: "functions.openfunction.io/v1beta1", Kind: "FunctionMesh", Name: plan.Name, UID: "1", Controller: new(bool)},
						ForeignScaler: "theirs", Components: map[string]bool{"orders": true, "order-state": true},
					}
				}
				st := state(t, plan, s, found)
				kinds := kindsOf(st)
				for kind, there := range map[string]bool{"knative/Service": has(0), "knative/Configuration": has(0), "ScaledObject": has(1), "TriggerAuthentication": has(1), "Component": has(2), "Subscription": has(2)} {
					if !there && kinds[kind] > 0 {
						t.Errorf("%+v: there are %d %s, a kind that the cluster does not know", s.Has, kinds[kind], kind)
					}
				}
				for _, o := range st.Objects {
					m := o.(metav1.Object)
					if has(4) != (len(m.GetOwnerReferences()) == 1) {
						t.Errorf("%s %s: owners %v", kindOf(o), m.GetName(), m.GetOwnerReferences())
					}
				}
			}
		})
	}
}

func TestMissingKinds(t *testing.T) {
	plan := samples(t)["samples/order-processing/mesh.yaml"]
	for name, c := range map[string]struct {
		reason string
		has    desired.Installed
		want   []string
	}{
		"Nothing": {reason: "each kind has a note, and front and dispatchers are there all the same", want: []string{
			"!DaprInstalled/NoSidecar", "!KnativeInstalled/NoService", "ComponentsReady/StateApart", "KEDAInstalled/NoScaledObject"}},
		"NoDapr": {reason: "functions that use components cannot do so", has: desired.Installed{Knative: true, KEDA: true, HPA: true},
			want: []string{"!DaprInstalled/NoSidecar", "ComponentsReady/StateApart", "ScalingHonoured/OneMetric"}},
		"NoHPA": {reason: "CPU is nobody's to scale on", has: desired.Installed{Knative: true, KEDA: true, Dapr: true},
			want: []string{"ComponentsReady/StateApart", "ScalingHonoured/NoHPA"}},
		"All": {reason: "what is left differs from the mesh", has: desired.Installed{Knative: true, KEDA: true, Dapr: true, HPA: true},
			want: []string{"ComponentsReady/StateApart", "ScalingHonoured/OneMetric"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings()
			s.Has = c.has
			st := state(t, plan, s, desired.Found{})
			if diff := cmp.Diff(c.want, notes(st)); diff != "" {
				t.Errorf("%s, -want +got:\n%s", c.reason, diff)
			}
			for _, name := range []string{"order-processing-mesh-front", "order-processing-mesh-dispatcher"} {
				if find(t, st, "Deployment", name) == nil {
					t.Errorf("there is no Deployment %s: %s", name, c.reason)
				}
			}
		})
	}
}

func TestForeignScaler(t *testing.T) {
	plan := samples(t)["samples/article/file-one.yaml"]
	st := state(t, plan, settings(), desired.Found{ForeignScaler: "order-mesh-scaler"})
	if find(t, st, "ScaledObject", "order-processing-mesh-dispatcher") != nil {
		t.Error("KEDA refuses two ScaledObjects for one Deployment: ours steps back")
	}
	if find(t, st, "Deployment", "order-processing-mesh") == nil || find(t, st, "Deployment", "order-processing-mesh-dispatcher") != nil {
		t.Error("the Deployment is what theirs scales")
	}
	without := state(t, plan, settings(), desired.Found{})
	if find(t, without, "Deployment", "order-processing-mesh") != nil || at(find(t, without, "ScaledObject", "order-processing-mesh-dispatcher"), "spec", "scaleTargetRef", "name") != "order-processing-mesh-dispatcher" {
		t.Error("KEDA would refuse theirs for a Deployment that ours scales")
	}
	if got := notes(st); !cmp.Equal(got, []string{"ComponentsReady/StateApart", "ScalingHonoured/ForeignScaledObject"}) {
		t.Errorf("notes %v", got)
	}
}

func TestNames(t *testing.T) {
	for name, c := range map[string]struct {
		reason, mesh, function string
		want                   []string
	}{
		"Front":      {reason: "the front has that name", mesh: "shop", function: "front", want: []string{"!NamesUnique/NameOfFront"}},
		"FrontLong":  {reason: "the front has a token by that name", mesh: "a-mesh-with-a-name-that-is-as-long-as-one-can-be-52c", function: "front", want: []string{"!NamesUnique/NameOfFront"}},
		"Scaler":     {reason: "KEDA finds the front by that name", mesh: "shop", function: "frontScaler", want: []string{"!NamesUnique/NameOfFront"}},
		"Dispatcher": {reason: "the dispatchers have that name", mesh: "shop", function: "dispatcher", want: []string{"!NamesUnique/NameOfDispatcher"}},
		"FrontMesh":  {reason: "a mesh shop beside it would have a front of that name", mesh: "shop-front", function: "pack", want: []string{"NamesUnique/NameOfFront"}},
		"Long": {reason: "names are cut, and stay names", mesh: "a-mesh-with-a-name-that-is-as-long-as-one-can-be-52c",
			function: "aFunctionWhoseNameIsAsLongAsOneCanBeWhichIs63CharactersOfThem"},
		"Others": {reason: "parts of other names are none", mesh: "shop", function: "tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			text := fmt.Sprintf(`{apiVersion: functions.openfunction.io/v1beta1, kind: FunctionMesh, metadata: {name: %s}, spec: {functions: [
				{name: %s, image: "example.com/app:v1", triggers: [{type: http}, {type: queue, path: /q}], traffic: [{image: "example.com/app:v2", percent: 1, tag: a-tag-that-is-long}]},
				{name: %sKeda, image: "example.com/app:v1", scaler: keda, triggers: [{type: queue}]}]}}`, c.mesh, c.function, c.function[:3])
			st := state(t, load(t, text), settings(), desired.Found{})
			var got []string
			for _, n := range notes(st) {
				if n != "TrafficHonoured/TagTooLong" {
					got = append(got, n)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s, -want +got:\n%s", c.reason, diff)
			}
		})
	}
}

// TestOrder: a sidecar finds its components and how to treat them, and a pod all
// that it mounts.
func TestOrder(t *testing.T) {
	rank := make(map[string]int)
	for i, o := range state(t, compile(t, "functions: [{name: a, image: example.com/app, triggers: [{type: pubsub, component: bus, topic: t}]}]\ncomponents: [{name: bus, type: pubsub.redis}]"), settings(), desired.Found{}).Objects {
		if _, had := rank[kindOf(o)]; !had {
			rank[kindOf(o)] = i
		}
	}
	want := []string{"ServiceAccount", "Secret", "ConfigMap", "NetworkPolicy", "Component", "Resiliency", "Service", "Deployment", "ScaledObject", "Subscription"}
	for i := range want[1:] {
		first, hasFirst := rank[want[i]]
		second, hasSecond := rank[want[i+1]]
		if !hasFirst || !hasSecond || first >= second {
			t.Errorf("%s (%d, %t) comes before %s (%d, %t)", want[i], first, hasFirst, want[i+1], second, hasSecond)
		}
	}
}

func TestTokens(t *testing.T) {
	plan := samples(t)["samples/article/file-one.yaml"]
	first, changed := desired.FillTokens(plan, nil)
	if !changed || len(first) != 4 || len(first["ingest-order"]) != 43 {
		t.Fatalf("a token for each function and the front, 32 bytes each: %v", first)
	}
	seen := make(map[string]bool)
	for _, token := range first {
		seen[string(token)] = true
	}
	if len(seen) != 4 {
		t.Error("tokens are alike")
	}
	again, changed := desired.FillTokens(plan, first)
	if diff := cmp.Diff(first, again); changed || diff != "" {
		t.Errorf("tokens that are there stay: %s", diff)
	}
	first["gone"] = []byte("x")
	delete(first, "notify-user")
	if next, changed := desired.FillTokens(plan, first); !changed || next["gone"] != nil || len(next["notify-user"]) != 43 {
		t.Error("what is missing is made, and what is gone goes")
	}
}
