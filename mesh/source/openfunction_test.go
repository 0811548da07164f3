package source

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weftmesh/weft/api/v1beta1"
)

const headOfFunction = "apiVersion: core.openfunction.io/v1beta2\nkind: Function\nmetadata: {name: greet}\nspec:\n"

// loadFunction reads a Function as the file function.yaml, beside nothing.
func loadFunction(text string) (*Bundle, []string) {
	read := func(path string) ([]byte, error) {
		if path == "function.yaml" {
			return []byte(text), nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
	}
	b, problems := load("function.yaml", Options{}, read, func(string) ([]string, error) { return nil, nil })
	var told []string
	for _, p := range problems {
		told = append(told, strings.TrimPrefix(p.String(), "function.yaml:"))
	}
	return b, told
}

// TestOpenFunctionFields has every field of a Function, under the spec of one.
func TestOpenFunctionFields(t *testing.T) {
	root := []v1beta1.Trigger{{Type: v1beta1.TriggerHTTP, Path: "/"}}
	pubsub := "  serving:\n    pubsub:\n      bus: {type: pubsub.in-memory}\n    bindings:\n      clock: {type: bindings.cron, metadata: [{name: schedule, value: '@hourly'}]}\n      files: {type: bindings.localstorage, version: v1, metadata: [{name: rootPath, value: x}]}\n"
	for name, tc := range map[string]struct {
		reason string
		spec   string
		want   v1beta1.Function
		// context is FUNC_CONTEXT, name and runtime left out where they are greet
		// and Knative.
		context functionContext
		// warned are the warnings, without the name of the file.
		warned []string
	}{
		"nothing but an image": {
			reason: "without triggers there is one of HTTP, as OpenFunction has it",
			spec:   "  image: ghcr.io/acme/greet:v1\n  version: v2.0.0\n  workloadRuntime: OCIContainer\n",
			want:   v1beta1.Function{Image: "ghcr.io/acme/greet:v1", Triggers: root}, context: functionContext{Version: "v2.0.0"},
		},
		"route": {
			reason: "a prefix is the path and all below; the port is the container's",
			spec: "  serving:\n    triggers:\n      http:\n        port: 9000\n        engine: keda\n        route:\n          hostnames: [a.example]\n" +
				"          rules:\n            - matches: [{path: {type: PathPrefix, value: /echo}, method: POST}, {path: {type: Exact, value: /one}}]\n",
			want: v1beta1.Function{Scaler: v1beta1.ScalerKEDA, Triggers: []v1beta1.Trigger{
				{Type: v1beta1.TriggerHTTP, Path: "/echo", Methods: []string{"POST"}, Hosts: []string{"a.example"}, Port: ptr[int32](9000)},
				{Type: v1beta1.TriggerHTTP, Path: "/echo/", Methods: []string{"POST"}, Hosts: []string{"a.example"}},
				{Type: v1beta1.TriggerHTTP, Path: "/one", Hosts: []string{"a.example"}},
			}},
		},
		"rules": {
			reason: "what a gateway of its own would do is told, and a rule without a match matches all",
			spec: "  serving:\n    triggers:\n      http:\n        route:\n          gatewayRef: {name: g}\n          rules:\n            - backendRefs: [{name: x}]\n" +
				"              filters: [{type: URLRewrite}]\n            - matches: [{path: {value: /h}, headers: [{name: a, value: b}]}]\n",
			want: v1beta1.Function{Triggers: []v1beta1.Trigger{
				{Type: v1beta1.TriggerHTTP, Path: "/"}, {Type: v1beta1.TriggerHTTP, Path: "/h"}, {Type: v1beta1.TriggerHTTP, Path: "/h/"},
			}},
			warned: []string{
				"9:11: spec.serving.triggers.http.route.gatewayRef: warning: is left out: the mesh has a gateway of its own",
				"11:15: spec.serving.triggers.http.route.rules[0].backendRefs: warning: is left out: the function is what requests go to",
				"12:15: spec.serving.triggers.http.route.rules[0].filters: warning: is left out: the gateway of a mesh passes requests on as they are; do in the function what they do",
				"13:45: spec.serving.triggers.http.route.rules[1].matches[0].headers: warning: is left out: routes are told apart by path, method and host; look at them in the function",
			},
		},
		"dapr": {
			reason: "inputs and outputs are told to the program; names may be others than the components'",
			spec: pubsub + "    triggers:\n      dapr:\n        - {name: clock, type: bindings.cron}\n        - {name: bus, topic: a, inputName: in}\n" +
				"    outputs:\n      - dapr: {name: bus, topic: b}\n      - dapr: {name: files, outputName: out, operation: create, metadata: {fileName: f, n: 1}}\n",
			want: v1beta1.Function{Scaler: v1beta1.ScalerKEDA},
			context: functionContext{
				Runtime: "Async",
				Inputs: map[string]endpoint{
					"clock": {URI: "clock", ComponentName: "clock", ComponentType: "bindings.cron"},
					"in":    {URI: "a", ComponentName: "bus", ComponentType: "pubsub.in-memory"},
				},
				Outputs: map[string]endpoint{
					"bus": {URI: "b", ComponentName: "bus", ComponentType: "pubsub.in-memory"},
					"out": {URI: "files", ComponentName: "files", ComponentType: "bindings.localstorage", Operation: "create", Metadata: map[string]string{"fileName": "f", "n": "1"}},
				},
			},
		},
		"inputs": {
			reason: "components that an HTTP function reads are reached by the Dapr API",
			spec:   pubsub + "    triggers:\n      http: {}\n      inputs:\n        - dapr: {name: files}\n    outputs:\n      - dapr: {name: files, topic: x}\n",
			want:   v1beta1.Function{Triggers: root},
			context: functionContext{Outputs: map[string]endpoint{
				"files": {URI: "files", ComponentName: "files", ComponentType: "bindings.localstorage"},
			}},
			warned: []string{
				"14:11: spec.serving.triggers.inputs[0]: warning: is left out: nothing calls the function with it; make it a trigger under dapr, or read it by the Dapr API, at DAPR_GRPC_ENDPOINT",
				"16:36: spec.serving.outputs[0].dapr.topic: warning: is left out: a binding has no topic; set it in the component's metadata",
			},
		},
		"scale": {
			reason: "the usual annotations have a field, the others go to the pods",
			spec: "  serving:\n    timeout: 1m\n    workloadType: StatefulSet\n    scaleOptions:\n      minReplicas: 1\n      maxReplicas: 7\n      knative:\n        autoscaling.knative.dev/target: \"50\"\n" +
				"        autoscaling.knative.dev/min-scale: \"2\"\n        autoscaling.knative.dev/window: 30s\n      keda:\n        scaledObject: {pollingInterval: 15}\n        triggers: [{type: stan}]\n",
			want: v1beta1.Function{
				Triggers: root, StartTimeout: &metav1.Duration{Duration: time.Minute},
				Scaling:     &v1beta1.Scaling{MinReplicas: ptr[int32](1), MaxReplicas: ptr[int32](7), TargetConcurrency: ptr[int32](50)},
				Annotations: map[string]string{"autoscaling.knative.dev/window": "30s"},
			},
			warned: []string{
				"7:5: spec.serving.workloadType: warning: is left out: functions are scaled from zero, as services",
				"13:9: spec.serving.scaleOptions.knative.autoscaling.knative.dev/min-scale: warning: is left out: minReplicas says it",
				"16:9: spec.serving.scaleOptions.keda.scaledObject: warning: is left out: replicas follow the calls under way here, and on a cluster what KEDA watches is derived from the components; to set it on a cluster, write a ScaledObject",
				"17:9: spec.serving.scaleOptions.keda.triggers: warning: is left out: replicas follow the calls under way here, and on a cluster what KEDA watches is derived from the components; to set it on a cluster, write a ScaledObject",
			},
		},
		"pod": {
			reason: "environment, resources and what else a mesh has of a pod",
			spec: "  serving:\n    params: {LEVEL: debug, PORTS: 3}\n    labels: {team: a}\n    annotations: {dapr.io/log-level: info, openfunction.io/enable-dapr: \"true\"}\n    template:\n      serviceAccountName: sa\n      nodeSelector: {a: b}\n      containers:\n" +
				"        - name: function\n          imagePullPolicy: IfNotPresent\n          env: [{name: A, value: b}]\n          resources: {limits: {cpu: 1}}\n          readinessProbe: {httpGet: {path: /ready, port: 8080}, periodSeconds: 3}\n          livenessProbe: {tcpSocket: {port: 1}}\n        - name: log\n",
			want: v1beta1.Function{
				Triggers: root, Labels: map[string]string{"team": "a"}, Annotations: map[string]string{"dapr.io/log-level": "info"}, ServiceAccountName: "sa",
				Env:            []corev1.EnvVar{{Name: "LEVEL", Value: "debug"}, {Name: "PORTS", Value: "3"}, {Name: "A", Value: "b"}},
				Resources:      corev1.ResourceRequirements{Limits: corev1.ResourceList{"cpu": resource.MustParse("1")}},
				ReadinessProbe: &v1beta1.Probe{HTTPGet: v1beta1.HTTPGet{Path: "/ready"}},
			},
			warned: []string{
				"8:44: spec.serving.annotations.openfunction.io/enable-dapr: warning: is left out: it is for OpenFunction's controller",
				"11:7: spec.serving.template.nodeSelector: warning: is left out: a mesh sets nothing like it",
				"14:11: spec.serving.template.containers[0].imagePullPolicy: warning: is left out: a mesh sets nothing like it",
				"17:52: spec.serving.template.containers[0].readinessProbe.httpGet.port: warning: is left out: it is asked for at the function's own address",
				"17:65: spec.serving.template.containers[0].readinessProbe.periodSeconds: warning: is left out: the engine decides how often it asks",
				"18:27: spec.serving.template.containers[0].livenessProbe.tcpSocket: warning: is left out: probes of a mesh are requests; write httpGet with a path, or nothing: what hosts a handler answers health requests itself",
				`19:11: spec.serving.template.containers[1]: warning: is left out: a function is one container, "function"; write a function of its own for it, in a mesh`,
			},
		},
		"build": {
			reason: "the code is what is here; the go command's own variables hold, and the handler's name",
			spec: "  imageCredentials: {name: push}\n  build:\n    builder: openfunction/builder-go:latest\n    env: {FUNC_NAME: Hello, FUNC_CLEAR_SOURCE: \"true\", FUNC_GOPROXY: https://p.example, GOFLAGS: -tags=x, BP_A: b}\n" +
				"    srcRepo: {url: https://github.com/a/b.git, sourceSubPath: c}\n    shipwright: {strategy: {name: s}}\n",
			want: v1beta1.Function{Triggers: root, Build: &v1beta1.Build{Env: []v1beta1.BuildVariable{
				{Name: "FUNC_NAME", Value: "Hello"}, {Name: "GOPROXY", Value: "https://p.example"}, {Name: "GOFLAGS", Value: "-tags=x"},
			}}},
			warned: []string{
				"5:3: spec.imageCredentials: warning: is left out: credentials of registries are those of docker login; on a cluster, add the Secret to the imagePullSecrets of the ServiceAccount",
				"7:5: spec.build.builder: warning: is left out: Weft builds what is here, with the go command",
				"8:107: spec.build.env.BP_A: warning: is left out: it is for OpenFunction's builder",
				"9:5: spec.build.srcRepo: warning: is left out: Weft builds the code that is here; for another directory, say --set spec.functions.greet.source=DIR",
				"10:5: spec.build.shipwright: warning: is left out: Weft builds what is here, with the go command",
			},
		},
		"hooks": {
			reason: "what the framework's plugins would do is told",
			spec:   "  workloadRuntime: WasmEdge\n  serving:\n    hooks: {pre: [a]}\n    tracing: {enabled: true}\n    runtime: async\n",
			want:   v1beta1.Function{Triggers: root},
			warned: []string{
				"5:3: spec.workloadRuntime: warning: is left out: functions are programs of this machine",
				"7:5: spec.serving.hooks: warning: is left out: plugins of OpenFunction's framework do not run; call what they do in the handler",
				"8:5: spec.serving.tracing: warning: is left out: Weft traces every call itself; see weft trace, or export traces by OpenTelemetry",
				`9:5: spec.serving.runtime: warning: unknown field "runtime" is left out`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, told := loadFunction(headOfFunction + tc.spec)
			if b.Plan == nil {
				t.Fatalf("%s: %q", tc.reason, told)
			}
			var got functionContext
			f := b.Mesh.Spec.Functions[0]
			if last := len(f.Env) - 1; f.Env[last].Name != envFunctionContext {
				t.Errorf("the last variable is %s", f.Env[last].Name)
			} else if err := json.Unmarshal([]byte(f.Env[last].Value), &got); err != nil {
				t.Error(err)
			}
			f.Env = f.Env[:len(f.Env)-1]
			tc.want.Name, tc.want.Source, tc.context.Name = "greet", ".", "greet"
			if tc.context.Runtime == "" {
				tc.context.Runtime = "Knative"
			}
			if diff := cmp.Diff(tc.want, f, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.context, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: FUNC_CONTEXT: -want +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.warned, told, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestOpenFunctionComponents says what becomes of components, and what else the
// mesh has of the document.
func TestOpenFunctionComponents(t *testing.T) {
	b, told := loadFunction(`apiVersion: core.openfunction.io/v1beta2
kind: Function
metadata: {name: greet, namespace: prod, labels: {a: b}, annotations: {weft.dev/example: '{}'}, uid: x}
spec:
  serving:
    states:
      store: {spec: {type: state.in-memory, version: v1, metadata: [{name: a, value: true}, {name: b, value: {c: [1]}}, {name: d, secretKeyRef: {name: s, key: k}}]}}
      other: {}
    outputs: [{dapr: {name: bus, topic: a}}]
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: bus}
spec: {type: pubsub.in-memory, version: v1}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: other}
spec: {type: state.in-memory, version: v1}
`)
	if len(told) > 0 {
		t.Fatal(told)
	}
	want := []v1beta1.Component{{Name: "store", Type: "state.in-memory", Version: "v1", Metadata: []v1beta1.ComponentMetadata{
		{Name: "a", Value: "true"}, {Name: "b", Value: `{"c":[1]}`}, {Name: "d", SecretKeyRef: &v1beta1.SecretKeyRef{Name: "s", Key: "k"}},
	}}}
	if diff := cmp.Diff(want, b.Mesh.Spec.Components); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if m := b.Mesh.ObjectMeta; m.Namespace != "prod" || m.Labels["a"] != "b" || m.Annotations[v1beta1.AnnotationExample] != "{}" {
		t.Errorf("%+v", m)
	}
}

// TestOpenFunctionSource finds the code of a Function.
func TestOpenFunctionSource(t *testing.T) {
	text := headOfFunction + "  build: {builder: b, srcRepo: {url: u, sourceSubPath: code/greet}}\n"
	for _, step := range []struct{ reason, make, want string }{
		{"beside the file", "", "."},
		{"where each mesh may have it", "functions/greet", ""},
		{"where the document says, if that is here", "code/greet", "code/greet"},
	} {
		t.Run(step.reason, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.MkdirAll(filepath.Join(dir, step.make), 0o750); err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(dir, "function.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			b, problems := Load(file, Options{})
			if b.Plan == nil || b.Mesh.Spec.Functions[0].Source != step.want {
				t.Errorf("got %+v, %v", b.Mesh.Spec.Functions, problems)
			}
		})
	}
}

// FuzzOpenFunction reads anything as a Function: there is a plan or an error,
// and FUNC_CONTEXT can be read.
func FuzzOpenFunction(f *testing.F) {
	f.Add("  serving: {triggers: {dapr: [{name: a, topic: b}], http: {route: {rules: [{matches: [{path: {value: /}}]}]}}}, pubsub: {a: {type: pubsub.x}}}\n")
	f.Add("  serving: {params: {A: 1}, states: {x: {spec: {metadata: [{value: {}}]}}}, outputs: [{dapr: {name: x}}, {}], bindings: []}\n")
	f.Add("  build: {env: {GOFLAGS: [a]}, srcRepo: {sourceSubPath: ../..}}\n  serving: {template: {containers: [{env: [1], readinessProbe: {}}, 2]}, scaleOptions: {knative: {target: x}}}\n")
	f.Add("  serving: &x {triggers: *x}\n")
	f.Fuzz(func(t *testing.T, spec string) {
		b, told := loadFunction(headOfFunction + spec)
		if b.Plan == nil {
			if len(told) == 0 {
				t.Error("no plan and no error")
			}
			return
		}
		for _, v := range b.Plan.Functions[0].Env {
			if v.Name == envFunctionContext && strings.HasPrefix(v.Value, "{\"name\":\"greet\"") && !json.Valid([]byte(v.Value)) {
				t.Errorf("%s is not JSON", v.Value)
			}
		}
	})
}
