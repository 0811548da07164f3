package source

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

const head = `apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: shop}
spec:
`

// files writes a directory and returns the path of its mesh.yaml.
func files(t *testing.T, content map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range content {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, DefaultFile)
}

func mustLoad(t *testing.T, path string, opts Options) *Bundle {
	t.Helper()
	b, problems := Load(path, opts)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return b
}

// The article's two files are accepted as they stand, and alone.
func TestArticle(t *testing.T) {
	for _, file := range []string{"file-one.yaml", "file-two.yaml"} {
		b, problems := Load("testdata/article/"+file, Options{})
		if len(problems) > 0 {
			t.Errorf("%s: %v", file, problems)
			continue
		}
		if len(b.Plan.Functions) != 3 || len(b.Plan.Links) != 2 {
			t.Errorf("%s: got %d functions and %d links", file, len(b.Plan.Functions), len(b.Plan.Links))
		}
	}
	b := mustLoad(t, "testdata/article/file-two.yaml", Options{})
	if got := b.CheckReferences(); len(got) != 2 {
		t.Errorf("file two names a secret and a config map: got %v", got)
	}
	notify := b.Plan.Function("notify-user")
	want := mesh.Retry{MaxAttempts: 2, Backoff: v1beta1.BackoffLinear, InitialInterval: 1e9, MaxInterval: 30e9}
	if diff := cmp.Diff(want, notify.In[0].Retry); diff != "" {
		t.Error(diff)
	}
	if got := notify.Scaling; got.Min != 1 || got.Max != 20 || got.TargetCPU != 70 || got.TargetMemory != 80 {
		t.Errorf("scaling %+v", got)
	}
}

func TestLayers(t *testing.T) {
	path := files(t, map[string]string{
		"mesh.yaml": "\xef\xbb\xbf" + strings.ReplaceAll(head, "\n", "\r\n") + `  x: &retry {maxAttempts: 5, backoff: linear}
`,
	})
	if _, problems := Load(path, Options{}); len(problems) != 2 || !strings.Contains(problems[0].String()+problems[1].String(), `unknown field "x"`) {
		t.Errorf("a byte order mark and CRLF are no fault: %v", problems)
	}

	path = files(t, map[string]string{
		"mesh.yaml": head + `  functions:
    - name: a
      triggers: [{type: http}]
      retry: &retry {maxAttempts: 5, backoff: linear}
      env: [{name: A, value: a}]
    - name: b
      retry: {<<: *retry, backoff: constant}
      state: [store]
  connections: [{from: a, to: b, retry: *retry}]
  components: [{name: inline, type: state.in-memory}]
  policies: {scaling: {minReplicas: 1, maxReplicas: 4}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: config}
data: {a: mesh}
binaryData: {b: aGk=}
---
apiVersion: keda.sh/v1alpha1
kind: ScaledObject
metadata: {name: foreign}
`,
		"resources/store.yaml": `apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: store}
spec:
  type: state.redis
  version: v1
  initTimeout: 20s
  metadata:
    - {name: redisHost, value: "redis:6379"}
    - {name: redisDB, value: 3}
    - {name: enableTLS, value: false}
    - {name: redisPassword, secretKeyRef: {name: redis, key: password}}
auth: {secretStore: vault}
scopes: [b]
`,
		"resources/more.yml": `apiVersion: v1
kind: Secret
metadata: {name: redis}
data: {password: c2VjcmV0, token: aA==}
stringData: {token: plain}
---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: sub}
spec: {pubsubname: bus, topic: orders, routes: {default: /orders, rules: [{match: 'event.type == "x"', path: /x}]}}
---
apiVersion: messaging.knative.dev/v1
kind: Subscription
metadata: {name: foreign}
`,
		"local/local.yaml": `apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: shop}
spec:
  functions:
    - {name: b, source: ./here}
    - {name: a, env: [{name: B, value: b}]}
  policies: {scaling: {minReplicas: 0}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: config}
data: {a: local}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: inline}
spec: {type: state.sqlite}
`,
	})
	b := mustLoad(t, filepath.Dir(path), Options{Set: []string{
		"spec.functions.b.concurrency=5",
		"spec.functions[1].timeout=2s",
		"spec.policies.retry.initialInterval=50ms",
		"spec.functions.a.command=[node, server.js]",
		"metadata.namespace=sales",
		"metadata.labels[example.org/team]=shop",
	}})

	fn, to := b.Plan.Function("a"), b.Plan.Function("b")
	type seen struct {
		Min, Max, Concurrency, MaxAttempts int
		Source, Backoff, Initial, Timeout  string
		Env, Namespace, Label, Config      string
		Command, State, StateOfA           []string
		Inline, StoreAuth                  string
		Secret, Token, Binary              string
		Metadata                           []string
		Route                              string
	}
	got := seen{
		Min: fn.Scaling.Min, Max: fn.Scaling.Max, Concurrency: to.Concurrency, MaxAttempts: to.Retry.MaxAttempts,
		Source: to.Spec.Source, Backoff: string(to.Retry.Backoff), Initial: to.Retry.InitialInterval.String(), Timeout: to.Timeout.String(),
		Env: fn.Env[0].Name, Namespace: b.Plan.Namespace, Label: b.Mesh.Labels["example.org/team"], Config: b.ConfigMaps["config"]["a"],
		Command: fn.Spec.Command, State: to.State, StateOfA: fn.State,
		Inline: b.Plan.Components["inline"].Type, StoreAuth: b.Plan.Components["store"].SecretStore,
		Secret: string(b.Secrets["redis"]["password"]), Token: string(b.Secrets["redis"]["token"]), Binary: b.ConfigMaps["config"]["b"],
		Route: b.Subscriptions[0].Route + " " + b.Subscriptions[0].Rules[0].Path,
	}
	for _, m := range b.Plan.Components["store"].Metadata {
		got.Metadata = append(got.Metadata, m.Name+"="+m.Value)
	}
	want := seen{
		Min: 0, Max: 4, Concurrency: 5, MaxAttempts: 5,
		Source: "./here", Backoff: "constant", Initial: "50ms", Timeout: "2s",
		Env: "B", Namespace: "sales", Label: "shop", Config: "local",
		Command: []string{"node", "server.js"}, State: []string{"store"},
		Inline: "state.sqlite", StoreAuth: "vault",
		Secret: "secret", Token: "plain",
		Metadata: []string{"redisHost=redis:6379", "redisDB=3", "enableTLS=false", "redisPassword="},
		Route:    "/orders /x",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := len(b.Files); got != 4 {
		t.Errorf("read %v", b.Files)
	}
	if len(b.Components) != 2 || b.Components[0].Type != "state.sqlite" {
		t.Errorf("components %v", b.Components)
	}
}

func TestEnvironment(t *testing.T) {
	path := files(t, map[string]string{
		"mesh.yaml": head + `  functions:
    - name: a
      triggers: [{type: http}]
      resources: {limits: {memory: 100Mi, cpu: 250m}}
      env:
        - {name: PLAIN, value: x}
        - {name: SECRET, valueFrom: {secretKeyRef: {name: s, key: k}}}
        - {name: CONFIG, valueFrom: {configMapKeyRef: {name: c, key: k}}}
        - {name: NONE, valueFrom: {secretKeyRef: {name: s, key: none, optional: true}}}
        - {name: NONE2, valueFrom: {configMapKeyRef: {name: none, key: none, optional: true}}}
        - {name: NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
        - {name: SPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        - {name: MEM, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
        - {name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}
        - {name: BOTH, value: "$(PLAIN)-$(SECRET)-$(PORT)"}
        - {name: ODD, value: "$$(PLAIN) $(LATER) $(open $ $x 5$"}
        - {name: LATER, value: z}
`,
		"local/secret.yaml": "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {k: hush}\n",
		"resources/c.yaml":  "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {k: conf}\n",
	})
	b := mustLoad(t, path, Options{})
	got, err := b.Environment(b.Plan.Functions[0], func(name string) (string, bool) { return "8080", name == "PORT" })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"PLAIN=x", "SECRET=hush", "CONFIG=conf", "NAME=shop-a", "SPACE=default", "MEM=100", "CPU=1",
		"BOTH=x-hush-8080", "ODD=$(PLAIN) $(LATER) $(open $ $x 5$", "LATER=z",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := b.CheckReferences(); len(got) > 0 {
		t.Errorf("all references resolve: %v", got)
	}
}

func TestEnvironmentMissing(t *testing.T) {
	b := mustLoad(t, "testdata/article/file-two.yaml", Options{})
	_, err := b.Environment(b.Plan.Function("validateInventory"), nil)
	want := `testdata/article/file-two.yaml:36:11: spec.functions[1].env[0].valueFrom: function validateInventory, variable DATABASE_URL: ` +
		`there is no Secret "db-credentials" (key "url"); put a document of kind Secret into a file in local/ beside the mesh`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// A file that is too long, and one that may not be read, are said to be so.
func TestUnreadable(t *testing.T) {
	long := files(t, map[string]string{"mesh.yaml": head + strings.Repeat("# padding\n", maxFileSize/10)})
	if _, problems := Load(long, Options{}); len(problems) != 1 || !strings.Contains(problems[0].Message, "more than 4194304") {
		t.Errorf("got %v", problems)
	}
	b, problems := load("m/mesh.yaml", Options{},
		func(string) ([]byte, error) {
			return nil, &fs.PathError{Op: "open", Path: "m/mesh.yaml", Err: fs.ErrPermission}
		},
		func(string) ([]string, error) { return nil, nil })
	if len(problems) != 1 || problems[0].String() != "m/mesh.yaml: cannot be read: permission denied" {
		t.Errorf("got %v", problems)
	}
	if b.Plan != nil || len(b.Files) != 1 || b.Dir != "m" {
		t.Errorf("got %+v", b)
	}
}

func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/article/*.yaml", "testdata/faults/*.txtar"} {
		found, _ := filepath.Glob(pattern)
		for _, file := range found {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			_, text, _ := strings.Cut(string(data), "-- mesh.yaml --\n")
			text, _, _ = strings.Cut(text, "\n-- ")
			if text == "" {
				text = string(data)
			}
			f.Add([]byte(text), "spec.functions[0].source=x")
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, set string) {
		b, problems := load("mesh.yaml", Options{Set: []string{set}},
			func(string) ([]byte, error) { return data, nil },
			func(pattern string) ([]string, error) {
				if strings.HasPrefix(pattern, dirLocal) && strings.HasSuffix(pattern, ".yaml") {
					return []string{"local/mesh.yaml"}, nil
				}
				return nil, nil
			})
		if (b.Plan == nil) != (problems.Err() != nil) {
			t.Fatalf("plan %v with error %v", b.Plan, problems.Err())
		}
		for _, p := range append(problems, b.CheckReferences()...) {
			if p.Message == "" || p.File == "" {
				t.Errorf("a problem without message or file: %+v", p)
			}
		}
	})
}

func TestCluster(t *testing.T) {
	path := files(t, map[string]string{
		"mesh.yaml": head + "  functions: [{name: a, state: [store], triggers: [{type: http}]}]\n",
		"resources/store.yaml": `apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: store}
spec: {type: state.redis, version: v1}
`,
		"local/store.yaml": `apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: store}
spec: {type: state.embedded, version: v1}
`,
	})
	for cluster, want := range map[bool]string{false: "state.embedded", true: "state.redis"} {
		b, problems := Load(path, Options{Cluster: cluster})
		if b.Plan == nil {
			t.Fatal(problems)
		}
		if got := b.Plan.Components["store"].Type; got != want {
			t.Errorf("cluster %v: store is a %s, want %s", cluster, got, want)
		}
		for _, file := range b.Files {
			if cluster && strings.Contains(file, "local") {
				t.Errorf("%s is for one machine", file)
			}
		}
	}
}
