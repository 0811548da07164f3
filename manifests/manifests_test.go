package manifests_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"github.com/weftmesh/weft/manifests"
	"github.com/weftmesh/weft/mesh/source"
)

func schema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(manifests.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("mesh.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("mesh.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func accepts(t *testing.T, s *jsonschema.Schema, text string) error {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

// mesh puts a fragment into a mesh that is right but for it.
func mesh(spec string) string {
	return "apiVersion: functions.openfunction.io/v1beta1\nkind: FunctionMesh\nmetadata: {name: shop}\nspec:\n" + spec
}

func function(fields string) string {
	return mesh("  functions: [{name: a, triggers: [{type: http}], " + fields + "}]\n")
}

func trigger(fields string) string {
	return mesh("  functions: [{name: a, triggers: [{" + fields + "}]}]\n")
}

func policies(fields string) string {
	return mesh("  functions: [{name: a, triggers: [{type: http}]}]\n  policies: {" + fields + "}\n")
}

// What the definition can express it and the validation in Go judge alike: a
// mesh is not accepted here and refused by a cluster.
func TestSchemaAgreesWithValidation(t *testing.T) {
	s := schema(t)
	cases := map[string]struct {
		reason string
		text   string
		ok     bool
	}{
		"Smallest":          {"a function and no more", function(""), true},
		"Everything":        {"every field at once", everything, true},
		"NoName":            {"a mesh has a name", strings.Replace(function(""), "name: shop", "labels: {}", 1), false},
		"BadName":           {"a mesh's name is a DNS label", strings.Replace(function(""), "shop", "Shop", 1), false},
		"LongName":          {"a mesh's name leaves room", strings.Replace(function(""), "shop", strings.Repeat("s", 53), 1), false},
		"OtherVersion":      {"there is one version", strings.Replace(function(""), "v1beta1", "v1", 1), false},
		"OtherKind":         {"there is one kind", strings.Replace(function(""), "FunctionMesh", "FunctionMash", 1), false},
		"NoFunctions":       {"a mesh has a function", mesh("  functions: []\n"), false},
		"UnknownField":      {"no field is ignored", function("imagine: b"), false},
		"UnknownDeep":       {"nor one further down", policies("scaling: {min: 1}"), false},
		"FunctionName":      {"a function's name begins with a letter", mesh("  functions: [{name: 1a, triggers: [{type: http}]}]\n"), false},
		"NumberAsText":      {"a number is no name", mesh("  functions: [{name: 1, triggers: [{type: http}]}]\n"), false},
		"TextAsNumber":      {"text is no number", function(`concurrency: "5"`), false},
		"Scaler":            {"there are two scalers", function("scaler: hpa"), false},
		"ConcurrencyZero":   {"a replica takes a call", function("concurrency: 0"), false},
		"ConcurrencyMost":   {"Knative takes no more", function("concurrency: 1001"), false},
		"DurationNoUnit":    {"a duration has a unit", function("timeout: 30"), false},
		"DurationText":      {"a duration in text has one too", function(`timeout: "30"`), false},
		"DurationNegative":  {"no time is negative", function("timeout: -3s"), false},
		"DurationLong":      {"units can be joined", function("timeout: 1m30.5s"), true},
		"TriggerType":       {"there are eight types", trigger("type: htp"), false},
		"TriggerNoType":     {"a trigger has a type", trigger("path: /a"), false},
		"PortZero":          {"ports begin at 1", trigger("type: http, port: 0"), false},
		"PortHigh":          {"ports end at 65535", trigger("type: http, port: 65536"), false},
		"MethodTwice":       {"methods are a set", trigger("type: http, methods: [GET, GET]"), false},
		"Missed":            {"a missed tick is skipped or made up for", trigger(`type: cron, schedule: "@daily", missed: all`), false},
		"Operation":         {"a table has three operations", trigger("type: postgres, connection: db, tables: [a], operations: [drop]"), false},
		"RateZero":          {"a limit lets something through", trigger("type: http, rateLimit: {requests: 0}"), false},
		"RatePer":           {"periods are three", trigger("type: http, rateLimit: {requests: 1, per: day}"), false},
		"RateBy":            {"limits are by caller or route", trigger("type: http, rateLimit: {requests: 1, by: ip}"), false},
		"AttemptsZero":      {"the first try counts", function("retry: {maxAttempts: 0}"), false},
		"AttemptsMost":      {"no one waits for more", function("retry: {maxAttempts: 101}"), false},
		"Backoff":           {"there are three backoffs", function("retry: {backoff: random}"), false},
		"MinNegative":       {"replicas are not negative", policies("scaling: {minReplicas: -1}"), false},
		"MaxZero":           {"a function may run", policies("scaling: {maxReplicas: 0}"), false},
		"TargetZero":        {"a target is above zero", policies("scaling: {targetCPU: 0}"), false},
		"Threshold":         {"a breaker needs a failure", policies("circuitBreaker: {failureThreshold: 0}"), false},
		"Percent":           {"a share is at most all", function("traffic: [{image: a, percent: 101}]"), false},
		"Tag":               {"a tag is a DNS label", function("traffic: [{image: a, percent: 1, tag: A}]"), false},
		"Quantity":          {"a quantity has a known unit", function("resources: {limits: {memory: 1Q}}"), false},
		"LinkNoEnd":         {"a link has two ends", mesh("  functions: [{name: a, triggers: [{type: http}]}]\n  connections: [{from: a}]\n"), false},
		"LinkEmptyEnd":      {"an end has a name", mesh("  functions: [{name: a, triggers: [{type: http}]}]\n  connections: [{from: a, to: ''}]\n"), false},
		"ComponentType":     {"a component's type has two parts", mesh("  functions: [{name: a, triggers: [{type: http}]}]\n  components: [{name: s, type: redis}]\n"), false},
		"ComponentName":     {"a component has a name", mesh("  functions: [{name: a, triggers: [{type: http}]}]\n  components: [{type: state.redis}]\n"), false},
		"ComponentBadName":  {"in lower case", mesh("  functions: [{name: a, triggers: [{type: http}]}]\n  components: [{name: S, type: state.redis}]\n"), false},
		"ListForText":       {"a list is no text", function("source: [a]"), false},
		"TextForList":       {"text is no list", function("command: a"), false},
		"AccessWithoutRule": {"a rule has an expression", policies("access: {rules: [{service: a}]}"), false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if err := accepts(t, s, tc.text); (err == nil) != tc.ok {
				t.Errorf("%s: the schema says %v", tc.reason, err)
			}
			file := filepath.Join(t.TempDir(), "mesh.yaml")
			if err := os.WriteFile(file, []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, problems := source.Load(file, source.Options{}); (problems.Err() == nil) != tc.ok {
				t.Errorf("%s: validation says %v", tc.reason, problems.Err())
			}
		})
	}
}

func TestSchemaTakesTheArticle(t *testing.T) {
	files, _ := filepath.Glob("../mesh/source/testdata/article/*.yaml")
	if len(files) != 2 {
		t.Fatalf("got %d files, want 2", len(files))
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if err := accepts(t, schema(t), string(data)); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
}

const everything = `
apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: shop, namespace: sales, labels: {a: b}}
spec:
  functions:
    - name: ingestOrder
      image: registry.example:5000/shop/ingest:v1@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      source: ./functions/ingest
      scaler: keda
      triggers:
        - {type: http, port: 8080, path: "/orders/{id}", methods: [POST], hosts: ["*.example.com"], rateLimit: {requests: 5, per: minute, burst: 9, by: route}, schema: {type: object}, auth: {jwt: {issuer: "https://id.example", audience: a}, allow: "auth.sub != ''"}}
        - {type: http, path: /keys/, auth: {apiKey: {header: X-Key, secret: {name: keys}}}}
        - {type: cron, schedule: "*/5 9-17 * jan-mar mon", timeZone: Europe/Berlin, missed: once}
        - {type: pubsub, component: bus, topic: orders}
        - {type: binding, component: mail}
        - {type: postgres, connection: order-state, tables: [public.orders], operations: [insert], slot: s}
        - {type: file, path: ./in, pattern: "*.csv"}
        - {type: queue, path: /q}
        - {type: rpc, service: pricing, function: quote}
      env:
        - {name: A, value: b}
        - {name: B, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}
        - {name: C, valueFrom: {configMapKeyRef: {name: s, key: k}}}
        - {name: D, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
        - {name: E, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: 1Mi}}}
      resources: {requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 1, memory: 128Mi}}
      state: [order-state]
      bindings: [mail]
      calls: [pricing.quote]
      concurrency: 10
      timeout: 10s
      scaling: {minReplicas: 0, maxReplicas: 3, targetCPU: 70, targetMemory: 80, targetConcurrency: 7, targetQueueLength: 5}
      retry: {maxAttempts: 2, backoff: linear, initialInterval: 100ms, maxInterval: 1s}
      circuitBreaker: {failureThreshold: 2, recoveryTimeout: 5s}
      traffic: [{image: shop/ingest:v2, percent: 5, tag: canary}]
    - {name: run, command: [node, server.js], url: "http://127.0.0.1:3000", state: []}
  connections:
    - {from: ingestOrder, to: run, condition: "result.valid", retry: {maxAttempts: 1}}
  components:
    - {name: order-state, type: state.redis, version: v1, metadata: [{name: redisHost, value: "redis:6379"}, {name: redisPassword, secretKeyRef: {name: s, key: k}}, {name: x, envRef: X}], initTimeout: 5s, secretStore: kubernetes, scopes: [ingestOrder], ignoreErrors: true}
    - {name: mail, type: bindings.smtp}
    - {name: bus, type: pubsub.jetstream}
  broker: bus
  policies:
    scaling: {minReplicas: 0}
    retry: {maxAttempts: 3}
    timeout: {default: 30s, max: 5m}
    circuitBreaker: {failureThreshold: 5}
    access: {rules: [{service: pricing, function: quote, allow: "caller == 'a'"}]}
`

// The NATS server that is installed is of the version that everything is tested
// with, and stays that.
func TestNATSVersion(t *testing.T) {
	module, err := os.ReadFile(filepath.Join("..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`github.com/nats-io/nats-server/v2 v(\d+\.\d+)\.`).FindSubmatch(module)
	if version == nil {
		t.Fatal("go.mod names no NATS server")
	}
	for file, line := range map[string]string{
		"overlays/nats/nats.yaml": "image: nats:%s-alpine\n", "chart/values.yaml": "nats: nats:%s-alpine\n",
	} {
		text, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf(line, version[1]); !strings.Contains(string(text), want) {
			t.Errorf("%s has no %s", file, want)
		}
	}
}
