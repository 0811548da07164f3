package source

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/weftmesh/weft/api/v1beta1"
)

func ptr[T any](v T) *T { return &v }

func named(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }

// TestFuncYAMLFields has every field of a func.yaml, after the three lines that
// each has.
func TestFuncYAMLFields(t *testing.T) {
	t.Setenv("FROM_HERE", "of this machine")
	probe := func(path string) *v1beta1.Probe { return &v1beta1.Probe{HTTPGet: v1beta1.HTTPGet{Path: path}} }
	quantities := func(cpu, memory string) corev1.ResourceList {
		return corev1.ResourceList{"cpu": resource.MustParse(cpu), "memory": resource.MustParse(memory)}
	}
	for name, tc := range map[string]struct {
		reason string
		file   string
		// version of the file, 0.36.0 if it is empty.
		version string
		want    v1beta1.Function
		// warned are the warnings and faults, without the name of the file.
		warned []string
	}{
		"records": {
			reason: "what func notes for itself is no setting",
			file:   "created: 2025-03-17T02:02:34+01:00\ndeploy: {namespace: prod, image: 'x@sha256:00', deployer: knative}\nbuild: {builder: host, builderImages: {}, buildpacks: []}\nregistryInsecure: false\n",
		},
		"image": {
			reason: "the image wins over the registry",
			file:   "registry: ghcr.io/acme\nimage: ghcr.io/acme/other:v2\n",
			want:   v1beta1.Function{Image: "ghcr.io/acme/other:v2"},
		},
		"registry": {
			reason: "the image's name is func's",
			file:   "registry: ghcr.io/acme/\n",
			want:   v1beta1.Function{Image: "ghcr.io/acme/greet:latest"},
		},
		"envs": {
			reason: "values, and references to all that can be referred to",
			file: `run:
  envs:
    - {name: PLAIN, value: text}
    - {name: NUMBER, value: 8}
    - {name: HERE, value: "{{ env:FROM_HERE }}"}
    - {name: PASSWORD, value: "{{ secret:mail:password }}"}
    - {name: LEVEL, value: "{{ configMap:settings:log.level }}"}
    - value: "{{ secret:mail }}"
    - value: "{{configMap:settings}}"
`,
			want: v1beta1.Function{
				Env: []corev1.EnvVar{
					{Name: "PLAIN", Value: "text"}, {Name: "NUMBER", Value: "8"}, {Name: "HERE", Value: "of this machine"},
					{Name: "PASSWORD", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: named("mail"), Key: "password"}}},
					{Name: "LEVEL", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: named("settings"), Key: "log.level"}}},
				},
				EnvFrom: []corev1.EnvFromSource{
					{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: named("mail")}},
					{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: named("settings")}},
				},
			},
		},
		"wrong envs": {
			reason: "each at its place",
			file: `run:
  envs:
    - {name: A, value: "{{ env:NOT_SET_ANYWHERE }}"}
    - {name: B, value: "{{ vault:x }}"}
    - {name: C, value: "{{ secret:mail }}"}
    - value: plain
    - name: D
    - text
    - {name: E, value: [1]}
`,
			warned: []string{
				`6:24: run.envs[0].value: the variable NOT_SET_ANYWHERE is not set; set it in the environment of this command`,
				`7:24: run.envs[1].value: "{{ vault:x }}" is none of {{ env:NAME }}, {{ secret:NAME:KEY }} and {{ configMap:NAME:KEY }}`,
				`8:24: run.envs[2].value: "{{ secret:mail }}" stands for all keys, but the variable has a name; leave out the name, or name a key: {{ secret:mail:KEY }}`,
				`9:7: run.envs[3]: the variable has no name; only {{ secret:NAME }} and {{ configMap:NAME }}, which stand for all keys, go without`,
				`10:7: run.envs[4]: the variable has no value`,
				`11:7: run.envs[5]: "text" is not a map of fields`,
				`12:24: run.envs[6].value: a list is not text`,
			},
		},
		"reference within text": {
			reason: "func replaces whole values only, and says nothing",
			file:   "run:\n  envs:\n    - {name: URL, value: 'http://{{ env:FROM_HERE }}/x'}\nbuild:\n  buildEnvs:\n    - {name: GOFLAGS, value: '-tags={{env:FROM_HERE}}'}\n",
			want: v1beta1.Function{
				Env:   []corev1.EnvVar{{Name: "URL", Value: "http://{{ env:FROM_HERE }}/x"}},
				Build: &v1beta1.Build{Env: []v1beta1.BuildVariable{{Name: "GOFLAGS", Value: "-tags={{env:FROM_HERE}}"}}},
			},
			warned: []string{
				`6:26: run.envs[0].value: warning: {{ env: … }} within other text is taken as it is written, as func does; make it the whole value, and put the text into the variable`,
				`9:30: build.buildEnvs[0].value: warning: {{env: … }} within other text is taken as it is written, as func does; make it the whole value, and put the text into the variable`,
			},
		},
		"reserved variable": {
			reason: "a fault of the mesh has the field that func.yaml has",
			file:   "run:\n  envs:\n    - {name: PORT, value: '1'}\n",
			warned: []string{`6:14: run.envs[0].name: "PORT" is set by the engine; choose another name`},
		},
		"build": {
			reason: "variables of the go command; how else func builds is told",
			file: `build:
  builder: pack
  buildEnvs:
    - {name: GOFLAGS, value: -tags=netgo}
    - {name: GOPRIVATE, value: "{{ env:FROM_HERE }}"}
  baseImage: alpine
`,
			want: v1beta1.Function{Build: &v1beta1.Build{Env: []v1beta1.BuildVariable{{Name: "GOFLAGS", Value: "-tags=netgo"}, {Name: "GOPRIVATE", Value: "of this machine"}}}},
			warned: []string{
				`5:3: build.builder: warning: is left out: Weft builds the image itself; it needs no container engine, as func build --builder=host`,
				`9:3: build.baseImage: warning: is left out: Weft adds the program to an empty image; say weft build --base IMAGE`,
			},
		},
		"build, left out": {
			reason: "nothing is dropped in silence",
			file: `build:
  git: {url: x}
  builderImages: {pack: x}
  buildpacks: [x]
  pvcSize: 1Gi
  remoteStorageClass: x
  volumes: [{hostPath: a, path: b}]
  buildEnvs: [{name: X, value: "{{ secret:a:b }}"}, {name: Y}]
`,
			warned: []string{
				`5:3: build.git: warning: is left out: Weft builds what is in this directory; build on a cluster with func, or weft build in CI`,
				`6:3: build.builderImages: warning: is left out: Weft builds the image itself; build with func to use them`,
				`7:3: build.buildpacks: warning: is left out: Weft builds the image itself; build with func to use them`,
				`8:3: build.pvcSize: warning: is left out: Weft builds on this machine`,
				`9:3: build.remoteStorageClass: warning: is left out: Weft builds on this machine`,
				`10:3: build.volumes: warning: is left out: the go command runs on this machine, with its own files; it finds .netrc and credentials of git where they are`,
				`11:32: build.buildEnvs[0].value: "{{ secret:a:b }}" is not a value or {{ env:NAME }}`,
				`11:53: build.buildEnvs[1]: a variable of the build has a name and a value`,
			},
		},
		"run": {
			reason: "time to start in; volumes and topics are told",
			file:   "run:\n  startTimeout: 1m30s\n  volumes:\n    - {secret: tls, path: /etc/tls}\n  kafka: {topic: x}\n",
			want:   v1beta1.Function{StartTimeout: &metav1.Duration{Duration: 90 * time.Second}},
			warned: []string{
				`7:7: run.volumes[0]: warning: the volume for "/etc/tls" is left out: functions of a mesh have no volumes; give them what is in Secrets and ConfigMaps as variables: {{ secret:NAME:KEY }}, {{ configMap:NAME:KEY }}`,
				`8:3: run.kafka: warning: is left out: functions of a mesh do not consume topics themselves; name the broker in a mesh, with a component and a pubsub trigger`,
			},
		},
		"start timeout in nanoseconds": {
			reason: "func's durations may be numbers",
			file:   "run: {startTimeout: 2000000000}\n",
			want:   v1beta1.Function{StartTimeout: &metav1.Duration{Duration: 2 * time.Second}},
		},
		"deploy": {
			reason: "what its pods have",
			file: `deploy:
  healthEndpoints: {liveness: /live, readiness: /ready}
  labels: [{key: team, value: orders}, {key: alone}, {key: n, value: 8}]
  annotations: {division: finance}
  serviceAccountName: greeter
`,
			want: v1beta1.Function{
				LivenessProbe: probe("/live"), ReadinessProbe: probe("/ready"),
				Labels:      map[string]string{"team": "orders", "alone": "", "n": "8"},
				Annotations: map[string]string{"division": "finance"}, ServiceAccountName: "greeter",
			},
		},
		"labels of the environment": {
			reason: "what is no value of a label is not shown: it may be a secret",
			file:   "deploy:\n  labels:\n    - {key: a, value: '{{ env:FROM_HERE }}'}\n    - {value: x}\n",
			warned: []string{
				`6:23: deploy.labels[0].value: what the variable holds cannot be the value of a label`,
				`7:7: deploy.labels[1]: the label has no key`,
			},
		},
		"deploy, left out": {
			reason: "nothing is dropped in silence",
			file:   "deploy:\n  imagePullSecret: x\n  managementDisabled: true\n  subscriptions: [{source: default, filters: {type: x}}]\ndomain: example.com\nregistryInsecure: true\ndeployer: raw\n",
			warned: []string{
				`5:3: deploy.imagePullSecret: warning: is left out: the ServiceAccount of the function has the secrets for pulling; add it to the ServiceAccount's imagePullSecrets`,
				`6:3: deploy.managementDisabled: warning: is left out: func's operator has no part in a mesh`,
				`7:3: deploy.subscriptions: warning: is left out: there is no broker of Knative Eventing here to subscribe to; post its events to the function, or declare a pubsub trigger in a mesh`,
				`8:1: domain: warning: is left out: a mesh takes requests for any host; name it in a mesh, as a host of the function's http trigger`,
				`9:1: registryInsecure: warning: is left out: registries are checked unless a command says otherwise; say weft build --insecure`,
				`10:1: deployer: warning: is left out: functions of a mesh are scaled, by Knative or KEDA`,
			},
		},
		"deployer": {
			reason: "what scales the function",
			file:   "deployer: keda\n",
			want:   v1beta1.Function{Scaler: v1beta1.ScalerKEDA},
		},
		"options": {
			reason: "replicas, calls at once and resources",
			file: `deploy:
  options:
    scale: {min: 1, max: 5, metric: concurrency, target: 50, utilization: 80}
    resources:
      requests: {cpu: 100m, memory: 128Mi}
      limits: {cpu: 1, memory: 256Mi, concurrency: 60}
`,
			want: v1beta1.Function{
				Scaling:     &v1beta1.Scaling{MinReplicas: ptr[int32](1), MaxReplicas: ptr[int32](5), TargetConcurrency: ptr[int32](40)},
				Concurrency: ptr[int32](60),
				Resources:   corev1.ResourceRequirements{Requests: quantities("100m", "128Mi"), Limits: quantities("1", "256Mi")},
			},
		},
		"target above the limit": {
			reason: "Knative takes the lower, and 70 % of it",
			file:   "deploy: {options: {scale: {target: 50}, resources: {limits: {concurrency: 10}}}}\n",
			want:   v1beta1.Function{Concurrency: ptr[int32](10), Scaling: &v1beta1.Scaling{TargetConcurrency: ptr[int32](7)}},
		},
		"utilization of a limit": {
			reason: "a limit stands for a target that is left out, above Knative's own too",
			file:   "deploy: {options: {scale: {utilization: 50}, resources: {limits: {concurrency: 300}}}}\n",
			want:   v1beta1.Function{Concurrency: ptr[int32](300), Scaling: &v1beta1.Scaling{TargetConcurrency: ptr[int32](150)}},
		},
		"utilization alone": {
			reason: "Knative's target is 100",
			file:   "deploy: {options: {scale: {utilization: 55.5}}}\n",
			want:   v1beta1.Function{Scaling: &v1beta1.Scaling{TargetConcurrency: ptr[int32](56)}},
		},
		"small target": {
			reason: "at least one call",
			file:   "deploy: {options: {scale: {target: 0.01}}}\n",
			want:   v1beta1.Function{Scaling: &v1beta1.Scaling{TargetConcurrency: ptr[int32](1)}},
		},
		"requests a second, no limits": {
			reason: "what a mesh cannot say is told",
			file:   "deploy: {options: {scale: {max: 0, metric: rps, target: 100}, resources: {limits: {concurrency: 0}}}}\n",
			warned: []string{
				`4:28: deploy.options.scale.max: warning: 0, no limit to Knative, is left out: a mesh has one, 10 by default; write the number of replicas that there may be`,
				`4:36: deploy.options.scale.metric: warning: rps is left out, and its target with it: a mesh scales by calls in flight; write metric: concurrency, and as target the calls that a replica should have at once`,
				`4:84: deploy.options.resources.limits.concurrency: warning: 0, no limit to Knative, is left out: a replica takes 100 calls at once; write the number of calls, at most 1000`,
			},
		},
		"wrong options": {
			reason: "the mesh's own checks, under func.yaml's paths",
			file:   "deploy:\n  options:\n    scale: {min: -1, max: many, target: much}\n    resources: {limits: {memory: lots, concurrency: 5000}}\n",
			warned: []string{
				`6:13: deploy.options.scale.min: -1 is less than 0`,
				`6:22: deploy.options.scale.max: "many" is not a whole number; write it as 3`,
				`6:33: deploy.options.scale.target: "much" is not a number from 0.01 to 2147483647`,
				`7:26: deploy.options.resources.limits.memory: "lots" is not a quantity; write it as 128Mi, 1Gi, 250m or 2`,
				`7:40: deploy.options.resources.limits.concurrency: 5000 is more than 1000`,
			},
		},
		"other languages": {
			reason: "Weft builds Go only, and says what to do",
			file:   "runtime: node\n",
			warned: []string{`4:1: runtime: "node": Weft builds functions in Go only; write a mesh.yaml in which the function has a command that starts it, or the url where it runs`},
		},
		"unknown fields": {
			reason: "func warns of them too",
			file:   "imagee: x\ndeploy: {label: []}\nbuild: [a]\n",
			warned: []string{
				`4:1: imagee: warning: unknown field "imagee" is left out; did you mean "image"?`,
				`5:10: deploy.label: warning: unknown field "label" is left out; did you mean "labels"?`,
				`6:8: build: a list is not a map of fields`,
			},
		},
		"a version of tomorrow": {
			reason:  "what is known of it counts",
			version: "1.2.0",
			file:    "image: x\n",
			want:    v1beta1.Function{Image: "x"},
			warned:  []string{`1:14: specVersion: warning: is newer than 0.36.0, the last that is known here; fields that are new are left out`},
		},
		"no version": {
			reason:  "a version is three numbers",
			version: "new",
			warned:  []string{`1:14: specVersion: "new" is not a version, such as 0.36.0`},
		},
		"an old version": {
			reason:  "fields that lay elsewhere",
			version: "0.25.0",
			file: `buildEnvs: [{name: GOFLAGS, value: -v}]
envs: [{name: A, value: b}]
annotations: {a: b}
labels: [{key: c, value: d}]
options: {scale: {min: 2}}
healthEndpoints: {readiness: /ready}
invocation: {format: cloudevent}
volumes: []
builder: gcr.io/paketo-buildpacks/builder:base
`,
			want: v1beta1.Function{
				Build:       &v1beta1.Build{Env: []v1beta1.BuildVariable{{Name: "GOFLAGS", Value: "-v"}}},
				Env:         []corev1.EnvVar{{Name: "A", Value: "b"}},
				Annotations: map[string]string{"a": "b"}, Labels: map[string]string{"c": "d"},
				Scaling:        &v1beta1.Scaling{MinReplicas: ptr[int32](2)},
				ReadinessProbe: probe("/ready"),
			},
			warned: []string{`12:1: builder: warning: is left out: Weft builds the image itself; it needs no container engine, as func build --builder=host`},
		},
		"old fields in a new file": {
			reason: "func leaves them out, and so are they here",
			file:   "envs: [{name: A, value: b}]\n",
			warned: []string{`4:1: envs: warning: unknown field "envs" is left out`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			version := tc.version
			if version == "" {
				version = "0.36.0"
			}
			text := "specVersion: " + version + "\nname: greet\n"
			if name != "other languages" {
				text += "runtime: go\n"
			} else {
				text += "\n"
			}
			if err := os.WriteFile(FuncFile, []byte(text+tc.file), 0o600); err != nil {
				t.Fatal(err)
			}
			b, problems := Load(FuncFile, Options{})
			var warned []string
			for _, p := range problems {
				warned = append(warned, p.String()[len(FuncFile)+1:])
			}
			if diff := cmp.Diff(tc.warned, warned); diff != "" {
				t.Errorf("%s: problems: -want +got:\n%s", tc.reason, diff)
			}
			if len(problems.Errors()) > 0 {
				return
			}
			tc.want.Name, tc.want.Source = "greet", "."
			tc.want.Triggers = []v1beta1.Trigger{{Type: v1beta1.TriggerHTTP, Path: "/", Events: true}}
			if diff := cmp.Diff(tc.want, b.Mesh.Spec.Functions[0]); diff != "" {
				t.Errorf("%s: -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestFuncYAMLBeside(t *testing.T) {
	path := files(t, map[string]string{
		"mesh.yaml": head + `  functions:
    - name: greetAll
      scaling: {maxReplicas: 3}
      env:
        - {name: A, value: of the mesh}
      build: {env: [{name: GOFLAGS, value: of the mesh}]}
    - name: script
      source: ./elsewhere
      command: [node, index.js]
    - name: plain
`,
		"functions/greet-all/func.yaml": `specVersion: 0.36.0
name: other
runtime: go
image: x/other
build: {buildEnvs: [{name: GOFLAGS, value: of func}, {name: GOPRIVATE, value: of func}]}
run:
  envs:
    - {name: A, value: of func}
    - {name: B, value: of func}
    - value: "{{ secret:mail }}"
deploy:
  options:
    scale: {min: 1, max: 9}
    resources: {limits: {concurrency: -5}}
`,
		"elsewhere/func.yaml": "name: x\nruntime: node\nspecVersion: 0.36.0\ndeploy: {healthEndpoints: {readiness: /ready}}\n",
	})
	b, problems := Load(path, Options{Set: []string{"spec.functions.greetAll.concurrency=7"}})
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	want := v1beta1.Function{
		Name: "greetAll", Image: "x/other", Concurrency: ptr[int32](7),
		Scaling: &v1beta1.Scaling{MinReplicas: ptr[int32](1), MaxReplicas: ptr[int32](3)},
		Env:     []corev1.EnvVar{{Name: "B", Value: "of func"}, {Name: "A", Value: "of the mesh"}},
		EnvFrom: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: named("mail")}}},
		Build:   &v1beta1.Build{Env: []v1beta1.BuildVariable{{Name: "GOPRIVATE", Value: "of func"}, {Name: "GOFLAGS", Value: "of the mesh"}}},
	}
	if diff := cmp.Diff(want, b.Mesh.Spec.Functions[0]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if p := b.Mesh.Spec.Functions[1].ReadinessProbe; p == nil || p.HTTPGet.Path != "/ready" {
		t.Errorf("a function with a command has %v", p)
	}
	dir := filepath.Dir(path)
	wantFiles := []string{path, filepath.Join(dir, "functions/greet-all/func.yaml"), filepath.Join(dir, "elsewhere/func.yaml")}
	if diff := cmp.Diff(wantFiles, b.Files); diff != "" {
		t.Errorf("files: -want +got:\n%s", diff)
	}

	// Without the mesh's word the fault is func.yaml's, and is told there.
	_, problems = Load(path, Options{})
	problems = problems.Errors()
	if len(problems) != 1 || problems[0].File != wantFiles[1] || problems[0].Line != 14 || problems[0].Path != "deploy.options.resources.limits.concurrency" {
		t.Errorf("got %v", problems)
	}
}
