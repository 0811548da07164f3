package v1beta1

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

func TestKubeName(t *testing.T) {
	for name, want := range map[string]string{
		"ingestOrder": "ingest-order", "IngestOrder": "ingest-order", "ingest_order": "ingest-order", "ingest-order": "ingest-order",
		"parseJSONBody": "parse-json-body", "JSON": "json", "a": "a", "A": "a", "v2": "v2", "sha256Sum": "sha256-sum", "a__b": "a-b", "aB": "a-b",
		"Order_Item": "order-item", "HTTPServer": "http-server", "getURL": "get-url",
	} {
		if got := KubeName(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		if got := KubeName(want); got != want {
			t.Errorf("%s is not left as it is: %s", want, got)
		}
	}
}

func FuzzKubeName(f *testing.F) {
	f.Add("ingestOrder")
	f.Add("a_B-cD2e")
	f.Fuzz(func(t *testing.T, name string) {
		if !namePattern.MatchString(name) {
			return
		}
		kube := KubeName(name)
		if !namePattern.MatchString(kube) || strings.ToLower(kube) != kube || strings.ContainsAny(kube, "_") || KubeName(kube) != kube {
			t.Errorf("%q becomes %q", name, kube)
		}
	})
}

// What a function leaves to the policies stays left out; an empty list stays
// an empty list, since it means none.
func TestDefaults(t *testing.T) {
	m := decode(t, `
metadata: {name: shop}
spec:
  functions:
    - name: ingestOrder
      triggers:
        - {type: http, rateLimit: {requests: 5}, auth: {jwt: {secret: {name: s, key: k}}, apiKey: {secret: {name: s}}}}
        - {type: queue, path: /q}
        - {type: cron, schedule: "@daily"}
        - {type: rpc}
        - {type: file, path: in}
        - {type: postgres, connection: db, tables: [a]}
      state: []
  components: [{name: db, type: state.sqlite}]
  policies: {scaling: {minReplicas: 20}, retry: {initialInterval: 1m}, timeout: {max: 5s}}
`)
	m.SetDefaults()
	again := m.DeepCopy()
	again.SetDefaults()
	if diff := cmp.Diff(m, again); diff != "" {
		t.Errorf("defaults set twice differ: %s", diff)
	}
	want := decode(t, `
metadata: {name: shop, namespace: default}
spec:
  functions:
    - name: ingestOrder
      scaler: knative
      triggers:
        - {type: http, path: /ingest-order, rateLimit: {requests: 5, per: second, by: caller, burst: 5}, auth: {jwt: {secret: {name: s, key: k}, algorithms: [HS256]}, apiKey: {header: X-Api-Key, secret: {name: s}}}}
        - {type: queue, path: /q}
        - {type: cron, schedule: "@daily", timeZone: UTC, missed: skip}
        - {type: rpc, service: shop, function: ingestOrder}
        - {type: file, path: in, pattern: "*"}
        - {type: postgres, connection: db, tables: [a], operations: [insert, update, delete]}
      state: []
  components: [{name: db, type: state.sqlite, version: v1}]
  policies:
    scaling: {minReplicas: 20, maxReplicas: 20}
    retry: {maxAttempts: 3, backoff: exponential, initialInterval: 1m, maxInterval: 1m}
    timeout: {default: 5s, max: 5s}
    circuitBreaker: {failureThreshold: 5, recoveryTimeout: 60s}
`)
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	text, err := yaml.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, decode(t, string(text))); diff != "" {
		t.Errorf("written and read again it differs: %s", diff)
	}
}

func decode(t *testing.T, text string) *FunctionMesh {
	t.Helper()
	m := &FunctionMesh{}
	if err := yaml.UnmarshalStrict([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestSchedule(t *testing.T) {
	for schedule, want := range map[string]string{
		"* * * * *": "", "*/5 9-17 1,15 jan-mar MON": "", "0 0 * * 7": "", "@hourly": "", "@every 90s": "", "5/15 * ? * *": "",
		"":              "has 0 fields, not 5",
		"* * * *":       "has 4 fields, not 5",
		"* * * * * *":   "has 6 fields, not 5",
		"60 * * * *":    `"60" is not between 0 and 59`,
		"* 24 * * *":    `"24" is not between 0 and 23`,
		"* * 0 * *":     `"0" is not between 1 and 31`,
		"* * * 13 *":    `"13" is not between 1 and 12`,
		"* * * * 8":     `"8" is not between 0 and 7`,
		"* * * foo *":   `"foo" is not between 1 and 12`,
		"5-1 * * * *":   "5 is after 1",
		"*/0 * * * *":   `the step "0"`,
		"*/x * * * *":   `the step "x"`,
		"1,,2 * * * *":  `"" is not between`,
		"@noon":         "is not one of @every",
		"@every":        "is not one of @every",
		"@every 1ms":    "is not an interval of a second or more",
		"@every midday": "is not an interval of a second or more",
	} {
		err := checkSchedule(schedule)
		if want == "" && err != nil {
			t.Errorf("%q: %v", schedule, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q", schedule, err, want)
		}
	}
}

func FuzzSchedule(f *testing.F) {
	f.Add("*/5 9-17 * jan-mar mon")
	f.Add("@every 5m")
	f.Fuzz(func(_ *testing.T, s string) { _ = checkSchedule(s) })
}

func TestShortDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		5 * time.Minute: "5m", time.Hour: "1h", 90 * time.Minute: "1h30m", time.Second: "1s", 0: "0s", 61 * time.Second: "1m1s", 10 * time.Minute: "10m", 500 * time.Millisecond: "500ms",
	} {
		if got := ShortDuration(d); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestScheme(t *testing.T) {
	s := runtime.NewScheme()
	if err := AddToScheme(s); err != nil {
		t.Fatal(err)
	}
	kinds, _, err := s.ObjectKinds(&FunctionMesh{TypeMeta: metav1.TypeMeta{}})
	if err != nil || len(kinds) != 1 || kinds[0].GroupKind().String() != "FunctionMesh.functions.openfunction.io" {
		t.Errorf("got %v, %v", kinds, err)
	}
}
