package desired_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/controller/desired"
)

// scales is a mesh of one function with these lines.
func scales(lines string) string {
	return "functions:\n  - name: pack\n    image: example.com/pack:v1\n    triggers: [{type: queue}]\n" + strings.ReplaceAll("    "+strings.TrimSpace(lines), "\n", "\n    ")
}

func TestAutoscaling(t *testing.T) {
	const requests = "\nresources: {requests: {cpu: 100m, memory: 200Mi}}"
	kpa := map[string]string{"class": "kpa.autoscaling.knative.dev", "metric": "concurrency", "target": "70", "target-utilization-percentage": "100", "min-scale": "0", "max-scale": "10"}
	with := func(base map[string]string, pairs ...string) map[string]string {
		out := make(map[string]string)
		for k, v := range base {
			out[k] = v
		}
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i]] = pairs[i+1]
		}
		return out
	}
	hpa := map[string]string{"class": "hpa.autoscaling.knative.dev", "metric": "cpu", "target": "60", "min-scale": "1", "max-scale": "10"}
	for name, c := range map[string]struct {
		reason string
		lines  string
		has    func(*desired.Installed)
		want   map[string]string
		notes  []string
	}{
		"Default":     {reason: "concurrency, down to zero", want: kpa},
		"Zero":        {reason: "a revision begins at zero where the cluster lets it", has: func(h *desired.Installed) { h.ZeroInitialScale = true }, want: with(kpa, "initial-scale", "0")},
		"Least":       {reason: "one that never goes to zero begins with one", lines: "scaling: {minReplicas: 2, maxReplicas: 3}", has: func(h *desired.Installed) { h.ZeroInitialScale = true }, want: with(kpa, "min-scale", "2", "max-scale", "3")},
		"Concurrency": {reason: "the target is as many calls, and not 70 % of them", lines: "concurrency: 10\nscaling: {targetConcurrency: 9}", want: with(kpa, "target", "9")},
		"CPU":         {reason: "the HPA class, which keeps one", lines: "scaling: {targetCPU: 60}" + requests, want: hpa, notes: []string{"ScalingHonoured/MinimumIsOne"}},
		"Both":        {reason: "CPU wins", lines: "scaling: {targetCPU: 60, targetMemory: 50, minReplicas: 1}" + requests, want: hpa, notes: []string{"ScalingHonoured/OneMetric"}},
		"Memory":      {reason: "percent of the request, in Mi", lines: "scaling: {targetMemory: 50, minReplicas: 1}" + requests, want: with(hpa, "metric", "memory", "target", "100")},
		"Limit":       {reason: "a limit alone is the request too", lines: "scaling: {targetMemory: 50, minReplicas: 1}\nresources: {limits: {memory: 64Mi}}", want: with(hpa, "metric", "memory", "target", "32")},
		"NoRequest":   {reason: "a share of nothing", lines: "scaling: {targetCPU: 60, targetMemory: 60}", want: kpa, notes: []string{"ScalingHonoured/NoRequest"}},
		"OnlyMemory":  {reason: "memory where CPU has no request", lines: "scaling: {targetCPU: 60, targetMemory: 50, minReplicas: 1}\nresources: {requests: {memory: 200Mi}}", want: with(hpa, "metric", "memory", "target", "100"), notes: []string{"ScalingHonoured/NoRequest"}},
		"NoHPA":       {reason: "nobody would scale it", lines: "scaling: {targetCPU: 60}" + requests, has: func(h *desired.Installed) { h.HPA = false }, want: kpa, notes: []string{"ScalingHonoured/NoHPA"}},
		"KEDAs": {reason: "what only KEDA does is told", lines: "scaling: {targetQueueLength: 5, cron: [{start: 0 8 * * *, end: 0 9 * * *, replicas: 1}], prometheus: [{serverAddress: 'http://p', query: up, threshold: 1}]}",
			want: kpa, notes: []string{"ScalingHonoured/NotKnative"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings()
			if c.has != nil {
				c.has(&s.Has)
			}
			st := state(t, compile(t, scales(c.lines)), s, desired.Found{})
			annotations, _ := at(find(t, st, "knative/Service", "shop-pack"), "spec", "template", "metadata", "annotations").(map[string]any)
			got := make(map[string]string)
			for k, v := range annotations {
				got[strings.TrimPrefix(k, "autoscaling.knative.dev/")] = v.(string)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s, -want +got:\n%s", c.reason, diff)
			}
			if diff := cmp.Diff(c.notes, notes(st)); diff != "" {
				t.Errorf("%s: notes, -want +got:\n%s", c.reason, diff)
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		reason, timeout string
		want            int64
		notes           []string
	}{
		"Seconds": {reason: "as it is", timeout: "20s", want: 20},
		"Part":    {reason: "Knative has no parts of a second", timeout: "1500ms", want: 2},
		"Longest": {reason: "Knative's own bound", timeout: "11m", want: 600, notes: []string{"Runnable/Timeout"}},
	} {
		t.Run(name, func(t *testing.T) {
			st := state(t, compile(t, scales("timeout: "+c.timeout)+"\npolicies: {timeout: {max: 1h}}"), settings(), desired.Found{})
			spec := at(find(t, st, "knative/Service", "shop-pack"), "spec", "template", "spec")
			if at(spec, "timeoutSeconds") != c.want || at(spec, "responseStartTimeoutSeconds") != c.want {
				t.Errorf("%v and %v: %s", at(spec, "timeoutSeconds"), at(spec, "responseStartTimeoutSeconds"), c.reason)
			}
			if diff := cmp.Diff(c.notes, notes(st)); diff != "" {
				t.Errorf("%s, -want +got:\n%s", c.reason, diff)
			}
		})
	}
}

func TestTraffic(t *testing.T) {
	const with = `
traffic:
  - {image: "example.com/pack:v2", percent: 10, tag: canary}
  - {image: "example.com/pack:v3", percent: 0}
`
	of := func(lines string) desired.State {
		return state(t, compile(t, scales(lines)), settings(), desired.Found{})
	}
	st := of(with)
	service := find(t, st, "knative/Service", "shop-pack")
	canary := find(t, st, "knative/Configuration", "shop-pack--canary")
	if canary == nil || kindsOf(st)["knative/Configuration"] != 2 {
		t.Fatal("each further image has a Configuration")
	}
	revision := at(canary, "spec", "template", "metadata", "name")
	want := []any{
		map[string]any{"latestRevision": true, "percent": int64(90)},
		map[string]any{"latestRevision": false, "percent": int64(10), "revisionName": revision, "tag": "canary"},
	}
	traffic, _ := at(service, "spec", "traffic").([]any)
	if diff := cmp.Diff(want, traffic[:2]); diff != "" {
		t.Errorf("the rest goes to the function's own image, -want +got:\n%s", diff)
	}
	if got := at(canary, "spec", "template", "metadata", "labels", "serving.knative.dev/service"); got != "shop-pack" {
		t.Errorf("a Service's Route takes only revisions of the Service: label %v", got)
	}
	if got := at(canary, "spec", "template", "spec", "containers", 0, "image"); got != "example.com/pack:v2" {
		t.Errorf("image %v", got)
	}
	if at(of(with+"\nconcurrency: 3"), "x") != nil {
		t.Fatal("no path leads there")
	}
	changed := find(t, of(with+"\nconcurrency: 3"), "knative/Configuration", "shop-pack--canary")
	if name := at(changed, "spec", "template", "metadata", "name"); name == revision {
		t.Errorf("the template has changed and its revision has the old name, %v: Knative refuses that", name)
	}
	without := find(t, of(""), "knative/Service", "shop-pack")
	if at(without, "spec", "traffic") != nil || kindsOf(of(""))["knative/Configuration"] != 0 {
		t.Error("without traffic there is none")
	}
	if diff := cmp.Diff(at(without, "spec", "template"), at(service, "spec", "template")); diff != "" {
		t.Errorf("shares that come and go make no new revision of the function's own image:\n%s", diff)
	}
	keda := of(with + "\nscaler: keda")
	if diff := cmp.Diff([]string{"TrafficHonoured/NotKEDA"}, notes(keda)); diff != "" {
		t.Errorf("KEDA's Deployment has one image, -want +got:\n%s", diff)
	}
}

func TestEnvironment(t *testing.T) {
	const lines = `
env:
  - {name: LOG_LEVEL, value: debug}
  - {name: WEFT_TIMEOUT, value: 1s}
  - {name: WEFT_TOKEN, value: mine}
  - {name: DB, valueFrom: {secretKeyRef: {name: db, key: url}}}
`
	s := settings()
	s.OTLPEndpoint = "http://otel:4317"
	for name, c := range map[string]struct {
		reason, more, kind string
		without            []string
		with               map[string]any
	}{
		"Knative": {reason: "Knative sets its own names, and refuses them", kind: "knative/Service", without: []string{"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION", "DAPR_API_TOKEN"}},
		"KEDA":    {reason: "nobody else does", more: "scaler: keda", kind: "Deployment", with: map[string]any{"PORT": "8080", "K_SERVICE": "shop-pack", "K_CONFIGURATION": "shop-pack", "K_REVISION": "shop-pack", "WEFT_GRACE": "30s"}},
	} {
		t.Run(name, func(t *testing.T) {
			st := state(t, compile(t, scales(lines+c.more)), s, desired.Found{})
			got := make(map[string]any)
			env, _ := at(find(t, st, c.kind, "shop-pack"), "spec", "template", "spec", "containers", 0, "env").([]any)
			for _, v := range env {
				value := at(v, "value")
				if value == nil {
					value = at(v, "valueFrom", "secretKeyRef", "name").(string) + "/" + at(v, "valueFrom", "secretKeyRef", "key").(string)
				}
				got[at(v, "name").(string)] = value
			}
			want := map[string]any{
				"WEFT_TOKEN": "shop-tokens/pack", "K_SINK": "http://shop-front.default.svc.cluster.local:8081/sink/$(WEFT_TOKEN)",
				"FUNCTION_TARGET": "pack", "WEFT_TIMEOUT": "1s", "LOG_LEVEL": "debug", "DB": "db/url",
				"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4317", "OTEL_SERVICE_NAME": "shop-pack",
			}
			for k, v := range c.with {
				want[k] = v
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, -want +got:\n%s", c.reason, diff)
			}
		})
	}
}

func TestUnrunnable(t *testing.T) {
	for name, c := range map[string]struct{ reason, lines, says string }{
		"Nothing": {reason: "weft deploy builds", lines: "source: ./functions/pack", says: "weft deploy"},
		"Command": {reason: "a program of one machine", lines: "command: [./pack]", says: "for one machine"},
		"URL":     {reason: "a server of one machine", lines: "url: http://127.0.0.1:8081", says: "for one machine"},
	} {
		t.Run(name, func(t *testing.T) {
			st := state(t, compile(t, "functions:\n  - name: pack\n    triggers: [{type: http}]\n    "+c.lines+"\n  - {name: other, image: example.com/app, triggers: [{type: http}]}"), settings(), desired.Found{})
			if len(st.Notes) != 1 || !st.Notes[0].Blocking || st.Notes[0].Function != "pack" || !strings.Contains(st.Notes[0].Message, c.says) {
				t.Errorf("%+v: %s", st.Notes, c.reason)
			}
			if find(t, st, "knative/Service", "shop-pack") != nil || find(t, st, "knative/Service", "shop-other") == nil {
				t.Error("the others are there, and it is not")
			}
		})
	}
}

// TestPods has what a mesh says of its functions' pods.
func TestPods(t *testing.T) {
	const lines = `
envFrom: [{secretRef: {name: payment}}]
labels: {team: sales, weft.dev/mesh: theirs}
annotations: {autoscaling.knative.dev/window: 30s}
serviceAccountName: payer
readinessProbe: {httpGet: {path: /ready}}
livenessProbe: {httpGet: {path: /alive}}
startTimeout: 1500ms
`
	for name, c := range map[string]struct{ reason, more, kind string }{
		"Knative": {reason: "in the revision", kind: "knative/Service"},
		"KEDA":    {reason: "in the Deployment", more: "scaler: keda", kind: "Deployment"},
	} {
		t.Run(name, func(t *testing.T) {
			st := state(t, compile(t, scales(lines+c.more)), settings(), desired.Found{})
			o := find(t, st, c.kind, "shop-pack")
			template := at(o, "spec", "template")
			container := at(template, "spec", "containers", 0)
			deadline := at(template, "metadata", "annotations", "serving.knative.dev/progress-deadline")
			if deadline == nil {
				deadline = at(o, "spec", "progressDeadlineSeconds")
			}
			got := []any{
				at(container, "envFrom", 0, "secretRef", "name"), at(template, "metadata", "labels", "team"), at(template, "metadata", "labels", "weft.dev/mesh"),
				at(template, "metadata", "annotations", "autoscaling.knative.dev/window"), at(template, "spec", "serviceAccountName"),
				at(container, "readinessProbe", "httpGet", "path"), at(container, "livenessProbe", "httpGet", "path"), deadline,
			}
			want := []any{"payment", "sales", "shop", "30s", "payer", "/ready", "/alive", "2s"}
			if c.kind == "Deployment" {
				want[7] = int64(2)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, -want +got:\n%s", c.reason, diff)
			}
			if find(t, st, "ServiceAccount", "shop-pack") != nil {
				t.Error("an account of its own would be nobody's")
			}
		})
	}
}
