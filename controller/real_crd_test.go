package controller

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/source"
)

// strictly has the API server say what it makes of an object, unknown fields an
// error, and keep nothing.
func (a *api) strictly(u *unstructured.Unstructured) error {
	text, err := u.MarshalJSON()
	if err != nil {
		return err
	}
	return a.Patch(a.t.Context(), u, client.RawPatch(types.ApplyPatchType, text), &client.PatchOptions{
		FieldManager: "test", Force: ptr(true), FieldValidation: metav1.FieldValidationStrict, DryRun: []string{metav1.DryRunAll},
	})
}

// spec of a mesh of two functions, with more fields.
func spec(fields string) string {
	return "apiVersion: functions.openfunction.io/v1beta1\nkind: FunctionMesh\nmetadata: {name: m}\nspec: {functions: [{name: a}, {name: b}], " + fields + "}"
}

func withFunction(fields string) string {
	return "apiVersion: functions.openfunction.io/v1beta1\nkind: FunctionMesh\nmetadata: {name: m}\nspec: {functions: [{name: a, " + fields + "}]}"
}

func withTrigger(fields string) string { return withFunction("triggers: [{" + fields + "}]") }

func withNames(names ...string) string {
	return "apiVersion: functions.openfunction.io/v1beta1\nkind: FunctionMesh\nmetadata: {name: m}\nspec: {functions: [{name: " + strings.Join(names, "}, {name: ") + "}]}"
}

// The definition refuses what cannot be meant, with the way out, and so no
// webhook is needed; package source says the same of each file.
func TestRealDefinition(t *testing.T) {
	a := connect(t)
	cases := map[string]struct{ mesh, want string }{
		"MeshName":          {strings.Replace(spec(""), "name: m", "name: a.b", 1), "use lower-case letters, digits and dashes, a letter first"},
		"MeshNameLong":      {strings.Replace(spec(""), "name: m", "name: "+strings.Repeat("m", 53), 1), "metadata.name is longer than 52 characters"},
		"NoFunction":        {"apiVersion: functions.openfunction.io/v1beta1\nkind: FunctionMesh\nmetadata: {name: m}\nspec: {functions: []}", "should have at least 1 items"},
		"UnknownField":      {spec("conections: []"), "conections"},
		"SameName":          {withNames("a", "a"), "duplicate entries"},
		"SameKebabSnake":    {withNames("ingest_order", "ingest-order"), "rename one"},
		"SameKebabFirst":    {withNames("IngestOrder", "ingestOrder"), "rename one"},
		"UnknownTo":         {spec("connections: [{from: a, to: c}]"), "add the functions"},
		"UnknownFrom":       {spec("connections: [{from: c, to: a}]"), "spec.connections"},
		"Itself":            {spec("connections: [{from: a, to: a}]"), "is linked to itself"},
		"ItselfSnake":       {"apiVersion: functions.openfunction.io/v1beta1\nkind: FunctionMesh\nmetadata: {name: m}\nspec: {functions: [{name: a_b}], connections: [{from: a_b, to: a-b}]}", "is linked to itself"},
		"MinMax":            {withFunction("scaling: {minReplicas: 3, maxReplicas: 2}"), "minReplicas is more than maxReplicas; lower it, or raise maxReplicas"},
		"MinMaxPolicy":      {spec("policies: {scaling: {minReplicas: 3, maxReplicas: 2}}"), "spec.policies.scaling.minReplicas"},
		"Timeout":           {withFunction("timeout: 301s"), "policies.timeout.max, 300s by default; lower it, or raise the maximum"},
		"TimeoutMax":        {"apiVersion: functions.openfunction.io/v1beta1\nkind: FunctionMesh\nmetadata: {name: m}\nspec: {functions: [{name: a, timeout: 1m}], policies: {timeout: {max: 10s}}}", "is more than policies.timeout.max"},
		"TimeoutZero":       {withFunction("timeout: 0s"), "timeout is not more than 0"},
		"TimeoutUnit":       {withFunction(`timeout: "30"`), "spec.functions[0].timeout"},
		"TimeoutDefault":    {spec("policies: {timeout: {default: 20s, max: 10s}}"), "default is more than max"},
		"TimeoutDefaultMax": {spec("policies: {timeout: {default: 6m}}"), "300s if left out"},
		"Retry":             {withFunction("retry: {initialInterval: 10s, maxInterval: 1s}"), "initialInterval is more than maxInterval"},
		"Recovery":          {withFunction("circuitBreaker: {recoveryTimeout: 0s}"), "recoveryTimeout is not more than 0"},
		"Env":               {withFunction("env: [{name: K_SINK, value: a}]"), "are set by the engine; choose another name"},
		"EnvTwoSources":     {withFunction("env: [{name: A, value: a, valueFrom: {secretKeyRef: {name: s, key: k}}}]"), "valueFrom stands beside value"},
		"EnvFrom":           {withFunction("envFrom: [{prefix: A}]"), "must name exactly one of secretRef and configMapRef"},
		"BuildEnv":          {withFunction("build: {env: [{name: GOOS, value: linux}]}"), "choose it with weft build --platform"},
		"Image":             {withFunction("image: Registry/Shop:v1"), "in lower case before the tag"},
		"URL":               {withFunction("url: localhost:80"), "write it as http://127.0.0.1:8081"},
		"Command":           {withFunction("command: []"), "spec.functions[0].command"},
		"StateTwice":        {withFunction("state: [a, a]"), "duplicate entries"},
		"Calls":             {withFunction("calls: [pricing]"), "spec.functions[0].calls[0]"},
		"Percent":           {withFunction("traffic: [{image: a, percent: 60}, {image: b, percent: 50}]"), "percent in all is more than 100"},
		"Tag":               {withFunction("traffic: [{image: a, percent: 1, tag: x}, {image: b, percent: 1, tag: x}]"), "the same tag; rename one"},
		"TriggerType":       {withTrigger("type: htp"), "spec.functions[0].triggers[0].type"},
		"TriggerSchedule":   {withTrigger("type: http, schedule: '@daily'"), "schedule belongs to triggers of type cron; remove it, or change the type"},
		"TriggerPort":       {withTrigger("type: cron, schedule: '@daily', port: 80"), "port belongs to triggers of type http"},
		"TriggerPath":       {withTrigger("type: pubsub, topic: a, path: /a"), "path belongs to triggers of type http, queue, file"},
		"TriggerMethods":    {withTrigger("type: queue, methods: [GET]"), "methods belongs to triggers of type http"},
		"TriggerAuth":       {withTrigger("type: rpc, auth: {allow: 'true'}"), "auth belongs to triggers of type http, queue"},
		"TriggerComponent":  {withTrigger("type: postgres, connection: a, tables: [a], component: b"), "component belongs to triggers of type pubsub, binding"},
		"TriggerFunction":   {withTrigger("type: http, function: a"), "function belongs to triggers of type rpc"},
		"CronNoSchedule":    {withTrigger("type: cron"), "give a cron expression"},
		"PubSubNoTopic":     {withTrigger("type: pubsub"), "name the topic"},
		"BindingNoName":     {withTrigger("type: binding"), "name the input binding"},
		"PostgresNothing":   {withTrigger("type: postgres"), "name the tables, as schema.table"},
		"FileNoPath":        {withTrigger("type: file"), "name the directory to watch"},
		"PortReserved":      {withTrigger("type: http, port: 8012"), "are taken by Knative's queue-proxy; choose another, such as 8080"},
		"PortTwo":           {withFunction("triggers: [{type: http, port: 80}, {type: http, port: 81, path: /b}]"), "a function has one"},
		"Path":              {withTrigger("type: http, path: orders"), "path does not begin with /"},
		"AuthNothing":       {withTrigger("type: http, auth: {}"), "declare jwt, apiKey or allow, or leave auth out"},
		"AuthJWT":           {withTrigger("type: http, auth: {jwt: {}}"), "name the issuer, the jwks or the secret"},
		"AuthJWTTwo":        {withTrigger("type: http, auth: {jwt: {jwks: 'http://a', secret: {name: a, key: b}}}"), "secret stands beside jwks"},
		"ComponentTwice":    {spec("components: [{name: a, type: state.redis}, {name: a, type: state.redis}]"), "duplicate entries"},
		"ComponentSources":  {spec("components: [{name: a, type: state.redis, metadata: [{name: a, value: b, envRef: c}]}]"), "has more than one of value, secretKeyRef and envRef"},
		"ComponentTimeout":  {spec("components: [{name: a, type: state.redis, initTimeout: 0s}]"), "initTimeout is not more than 0"},
		"ScalingCron":       {withFunction("scaler: keda, scaling: {cron: [{start: 0 8 * * *, end: 0 8 * * *, replicas: 1}]}"), "nothing lies between them"},
		"ScalingCronAt":     {withFunction("scaler: keda, scaling: {cron: [{start: '@every 1h', end: 0 8 * * *, replicas: 1}]}"), "write them as 0 8 * * 1-5"},
		"ScalingPrometheus": {withFunction("scaler: keda, scaling: {prometheus: [{serverAddress: prometheus, query: a, threshold: 1}]}"), "serverAddress"},
		"AccessAllow":       {spec("policies: {access: {rules: [{service: a, allow: ''}]}}"), "spec.policies.access.rules[0].allow"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := a.parse(a.ns, tc.mesh)[0]
			err := a.strictly(u)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("the API server says %v, want %s", err, tc.want)
			}
			if err != nil && !apierrors.IsInvalid(err) && !apierrors.IsBadRequest(err) && !strings.Contains(err.Error(), "field not declared") && !strings.Contains(err.Error(), "duplicate") {
				t.Errorf("the error is of another kind: %v", err)
			}
			file := filepath.Join(t.TempDir(), "mesh.yaml")
			if err := os.WriteFile(file, []byte(tc.mesh), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, problems := source.Load(file, source.Options{}); problems.Err() == nil {
				t.Error("the validation of files accepts it")
			}
		})
	}
	accepted := map[string]string{
		"NamesApart":    withNames("ingestOrder", "ingestorder", "ingest-orders", "HTTPServer", "httpserver"),
		"LinkKebab":     "apiVersion: functions.openfunction.io/v1beta1\nkind: FunctionMesh\nmetadata: {name: m}\nspec: {functions: [{name: takeOrder}, {name: sendHTTPMail}], connections: [{from: take-order, to: send-http-mail}]}",
		"EmptyText":     withFunction("image: '', triggers: [{type: http, topic: '', tables: []}]"),
		"TimeoutRaised": "apiVersion: functions.openfunction.io/v1beta1\nkind: FunctionMesh\nmetadata: {name: m}\nspec: {functions: [{name: a, timeout: 9m}], policies: {timeout: {max: 10m}}}",
		"MinAlone":      withFunction("scaling: {minReplicas: 30}"),
		"Many":          withNames(numbered(200)...),
	}
	for name, text := range accepted {
		t.Run(name, func(t *testing.T) {
			if err := a.strictly(a.parse(a.ns, text)[0]); err != nil {
				t.Error(err)
			}
		})
	}
}

func numbered(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("function%03dOf%s", i, strings.Repeat("x", 45)))
	}
	return names
}

// Every mesh of this repository that is right is one for the API server, as a
// file says it and as what it becomes, with either scaler.
func TestRealSamples(t *testing.T) {
	a := connect(t)
	meshes, objects := make(map[string]int), 0
	takes := func(path string, u *unstructured.Unstructured) {
		t.Helper()
		u.SetNamespace(a.ns)
		if err := a.strictly(u); err != nil {
			t.Errorf("%s: %s %s: %v", path, u.GetKind(), u.GetName(), err)
		}
	}
	for _, dir := range []string{"samples", "testdata", "mesh", "hack", "internal"} {
		err := filepath.WalkDir(filepath.Join("..", dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".yaml" {
				return err
			}
			if filepath.Dir(path) == filepath.Join("..", "testdata", "render") { // what weft render prints
				text, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				for _, u := range a.parse(a.ns, string(text)) {
					takes(path, u)
					objects++
				}
				return nil
			}
			bundle, _ := source.Load(path, source.Options{Cluster: true})
			if bundle.Plan == nil {
				return nil // of another kind, or there to be wrong
			}
			meshes[dir]++
			content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(bundle.Mesh)
			if err != nil {
				return err
			}
			delete(content, "status")
			takes(path, &unstructured.Unstructured{Object: content})
			for _, scaler := range []v1beta1.Scaler{v1beta1.ScalerKnative, v1beta1.ScalerKEDA} {
				for _, o := range becomes(t, path, scaler) {
					takes(path+" with scaler "+string(scaler), o)
					objects++
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d objects of meshes %v", objects, meshes)
	if meshes["samples"] < 12 || meshes["testdata"] < 1 || objects < 1000 {
		t.Errorf("there are %d objects of meshes %v", objects, meshes)
	}
}

// becomes renders a mesh file; functions without an image get one.
func becomes(t *testing.T, path string, scaler v1beta1.Scaler) []*unstructured.Unstructured {
	t.Helper()
	bundle, problems := source.Load(path, source.Options{Cluster: true})
	if bundle.Plan == nil {
		t.Fatalf("%s: %v", path, problems)
	}
	fm := bundle.Plan.Mesh.DeepCopy()
	for i := range fm.Spec.Functions {
		f := &fm.Spec.Functions[i]
		f.Image, f.Scaler = cmp.Or(f.Image, "example.com/function:v1"), scaler
	}
	plan, problems := mesh.Compile(fm, bundle.Components...)
	if plan == nil {
		t.Fatalf("%s with scaler %s: %v", path, scaler, problems)
	}
	with := settings
	with.Has = desired.Installed{Knative: true, KEDA: true, Dapr: true, HPA: true}
	var all []*unstructured.Unstructured
	for _, o := range desired.Of(plan, with, desired.Found{}).Objects {
		u, err := desired.Clean(o)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	return all
}

// What a mesh leaves out and has one meaning alone is there when it is read.
func TestRealDefaults(t *testing.T) {
	a := connect(t)
	a.create(withFunction("state: [s]") + "\n")
	u := a.get(of("functions.openfunction.io", "v1beta1", v1beta1.Kind), "m")
	a.change("m", func(fm *v1beta1.FunctionMesh) {
		fm.Spec.Components = []v1beta1.Component{{Name: "s", Type: "state.redis"}}
	})
	fm := a.mesh("m")
	functions, _, _ := unstructured.NestedSlice(u.Object, "spec", "functions")
	if got := functions[0].(map[string]any)["scaler"]; got != "knative" {
		t.Errorf("the scaler is %v", got)
	}
	if got := fm.Spec.Components[0].Version; got != v1beta1.DefaultComponentVersion {
		t.Errorf("the component's version is %q", got)
	}
	// The status is no part of what is applied.
	a.merge(fm, `{"status": {"functionsReady": "9/9"}}`)
	if got := a.mesh("m").Status.FunctionsReady; got != "" {
		t.Errorf("who changes a mesh changed its status: %s", got)
	}
}
