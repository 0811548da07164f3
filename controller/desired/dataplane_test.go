package desired_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/mesh/source"
)

func meshFile(t *testing.T, st desired.State, mesh string) string {
	t.Helper()
	text, ok := at(find(t, st, "ConfigMap", mesh+"-mesh"), "data", "mesh.yaml").(string)
	if !ok {
		t.Fatal("the ConfigMap has no mesh.yaml")
	}
	return text
}

// TestMeshFile reads what front and dispatchers read: it must give the same
// graph, and hold nothing that is not theirs.
func TestMeshFile(t *testing.T) {
	for file, plan := range samples(t) {
		t.Run(file, func(t *testing.T) {
			text := meshFile(t, state(t, plan, settings(), desired.Found{}), plan.Name)
			path := filepath.Join(t.TempDir(), "mesh.yaml")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			b, problems := source.Load(path, source.Options{})
			if b.Plan == nil {
				t.Fatalf("%v\n%s", problems, text)
			}
			if b.Plan.Broker == "" || b.Plan.Components[b.Plan.Broker].Type == "" || len(b.Plan.Components[b.Plan.Broker].Metadata) == 0 {
				t.Error("it does not say what carries the links")
			}
			type graph struct{ Name, Stream, Subject string }
			var want, got []graph
			for _, f := range plan.Functions {
				want = append(want, graph{f.Name, f.Stream, f.Subject})
			}
			for _, f := range b.Plan.Functions {
				got = append(got, graph{f.Name, f.Stream, f.Subject})
			}
			if diff := cmp.Diff(want, got); diff != "" || len(plan.Links) != len(b.Plan.Links) {
				t.Errorf("-want +got:\n%s", diff)
			}
			for i, f := range plan.Functions {
				g := b.Plan.Functions[i]
				if f.Timeout != g.Timeout || f.Concurrency != g.Concurrency || f.Retry != g.Retry || f.Breaker != g.Breaker || f.Spec.Scaler != g.Spec.Scaler || len(f.Triggers) != len(g.Triggers) {
					t.Errorf("%s is called otherwise", f.Name)
				}
			}
			for _, secret := range []string{"hunter2", "db-credentials", "image:", "smtp.shop.example"} {
				if strings.Contains(text, secret) {
					t.Errorf("it holds %q:\n%s", secret, text)
				}
			}
		})
	}
}

func TestMeshHash(t *testing.T) {
	const spec = "functions:\n  - {name: a, image: 'example.com/app:v1', triggers: [{type: http}]}\n  - {name: b, image: example.com/app}\nconnections: [{from: a, to: b}]"
	hash := func(spec string) any {
		st := state(t, compile(t, spec), settings(), desired.Found{})
		front := at(find(t, st, "Deployment", "shop-front"), "spec", "template", "metadata", "annotations", desired.AnnotationMeshHash)
		if dispatcher := at(find(t, st, "Deployment", "shop-dispatcher"), "spec", "template", "metadata", "annotations", desired.AnnotationMeshHash); front == nil || front != dispatcher {
			t.Fatalf("front has %v, dispatchers have %v", front, dispatcher)
		}
		return front
	}
	first := hash(spec)
	if hash(strings.Replace(spec, ":v1", ":v2", 1)) != first {
		t.Error("a new image does not concern the front")
	}
	if hash(strings.Replace(spec, "to: b", "to: b, condition: 'true'", 1)) == first {
		t.Error("a change of a link does")
	}
}

func TestBroker(t *testing.T) {
	const spec = "functions:\n  - {name: a, image: example.com/app, triggers: [{type: http}], state: []}\n  - {name: b, image: example.com/app}\nconnections: [{from: a, to: b}]\n"
	for name, c := range map[string]struct {
		reason, more string
		change       func(*desired.Settings)
		trigger      any
		mounts       []string
		notes        []string
	}{
		"Default": {reason: "the cluster's", trigger: "external-push"},
		"Polled":  {reason: "the cluster's, where KEDA reaches no front", change: func(s *desired.Settings) { s.Polls = true }, trigger: "nats-jetstream"},
		"Own":     {reason: "the mesh's, with a secret in a file", more: "broker: bus\ncomponents: [{name: bus, type: pubsub.jetstream, metadata: [{name: natsURL, value: 'nats://n'}, {name: token, secretKeyRef: {name: nats, key: t}}]}]", trigger: "external-push", mounts: []string{"/etc/weft/secrets/nats"}},
		"Taken":   {reason: "a component of the default's name is another", more: "components: [{name: links, type: bindings.http, metadata: [{name: url, value: 'http://x'}]}]", trigger: "external-push"},
		"None":    {reason: "nothing could carry the links", change: func(s *desired.Settings) { s.Broker.Name = "" }, notes: []string{"!BrokerHonoured/NoBroker"}},
		"Other":   {reason: "another has limits", more: "broker: bus\ncomponents: [{name: bus, type: pubsub.redis, metadata: [{name: redisHost, value: r}]}]", trigger: "external-push", notes: []string{"BrokerHonoured/NotJetStream"}},
		"Unknown": {reason: "its server keeps events for pods that are gone", more: "broker: bus\ncomponents: [{name: bus, type: pubsub.mqtt3, metadata: [{name: url, value: 'mqtt://m'}]}]", notes: []string{"!BrokerHonoured/CannotCarry", "ScalingHonoured/Underivable"}},
		"Unkept":  {reason: "another keeps no attempts", more: "broker: bus\ncomponents: [{name: bus, type: pubsub.redis, metadata: [{name: redisHost, value: r}]}]", change: func(s *desired.Settings) { s.Broker.Name = "" }, trigger: "redis-streams", notes: []string{"!BrokerHonoured/NoKeeper"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings()
			if c.change != nil {
				c.change(&s)
			}
			st := state(t, compile(t, spec+c.more), s, desired.Found{})
			if got := at(find(t, st, "ScaledObject", "shop-dispatcher"), "spec", "triggers", 0, "type"); got != c.trigger {
				t.Errorf("trigger %v, want %v: %s", got, c.trigger, c.reason)
			}
			if diff := cmp.Diff(c.notes, notes(st)); diff != "" {
				t.Errorf("%s: notes, -want +got:\n%s", c.reason, diff)
			}
			var mounts []string
			all, _ := at(find(t, st, "Deployment", "shop-front"), "spec", "template", "spec", "containers", 0, "volumeMounts").([]any)
			for _, m := range all {
				if path := at(m, "mountPath").(string); strings.HasPrefix(path, "/etc/weft/secrets") {
					mounts = append(mounts, path)
				}
			}
			if diff := cmp.Diff(c.mounts, mounts); diff != "" {
				t.Errorf("%s: secrets, -want +got:\n%s", c.reason, diff)
			}
		})
	}
}

// TestSecretKeys: front and dispatchers see what they need of a Secret, and no
// more.
func TestSecretKeys(t *testing.T) {
	const spec = `functions: [{name: a, image: example.com/app, triggers: [{type: http}, {type: postgres, connection: db, tables: [public.a]}], state: []}, {name: b, image: example.com/app, state: []}]
connections: [{from: a, to: b}]
broker: bus
components: [{name: db, type: bindings.postgresql, scopes: [nobody], metadata: [{name: url, secretKeyRef: {name: db, key: url}}]}, {name: bus, type: pubsub.jetstream%s, metadata: [{name: natsURL, secretKeyRef: {name: nats.io, key: url}}, {name: jwt, secretKeyRef: {name: nats.io, key: jwt}}, {name: seedKey, secretKeyRef: {name: seed}}, {name: token, secretKeyRef: {name: nats.io, key: url}}]}]`
	for name, c := range map[string]struct {
		reason, store string
		notes         []string
	}{
		"Cluster": {reason: "the cluster's are mounted"},
		"Named":   {reason: "by its name as well", store: ", secretStore: kubernetes"},
		"Vault":   {"nobody asks another store", ", secretStore: vault", []string{"ComponentsReady/OtherSecretStore"}},
	} {
		t.Run(name, func(t *testing.T) {
			st := state(t, compile(t, format(spec, c.store)), settings(), desired.Found{})
			if diff := cmp.Diff(c.notes, notes(st)); diff != "" {
				t.Errorf("%s: notes, -want +got:\n%s", c.reason, diff)
			}
			for _, pods := range []string{"shop-front", "shop-dispatcher"} {
				got := make(map[string][]string)
				all, _ := at(find(t, st, "Deployment", pods), "spec", "template", "spec", "volumes").([]any)
				for _, v := range all {
					secret, _ := at(v, "secret", "secretName").(string)
					items, _ := at(v, "secret", "items").([]any)
					for _, i := range items {
						if at(i, "key") != at(i, "path") {
							t.Errorf("%s: %v", pods, i)
						}
						got[secret] = append(got[secret], at(i, "key").(string))
					}
				}
				if diff := cmp.Diff(map[string][]string{"nats.io": {"jwt", "url"}, "seed": {"seed"}, "shop-tokens": {"a", "b"}}, got); diff != "" {
					t.Errorf("%s: keys, -want +got:\n%s", pods, diff)
				}
			}
		})
	}
}

func TestKEDAFunction(t *testing.T) {
	of := func(scaling string) desired.State {
		return state(t, compile(t, scales("scaler: keda\nconcurrency: 10\n"+scaling)+"\n  - {name: other, image: example.com/app}\nconnections: [{from: pack, to: other}]"), settings(), desired.Found{})
	}
	st := of("")
	if got := at(find(t, st, "Deployment", "shop-pack"), "spec", "template", "spec", "containers", 1, "args"); !cmp.Equal(got, []any{"dispatcher", "--function=pack", "--local=http://127.0.0.1:8080"}) {
		t.Errorf("its dispatcher takes its queue alone: %v", got)
	}
	triggers, _ := at(find(t, st, "ScaledObject", "shop-dispatcher"), "spec", "triggers").([]any)
	if len(triggers) != 1 || at(triggers[0], "metadata", "queues") != "other=100" {
		t.Errorf("the mesh's dispatchers leave its queue alone: %v", triggers)
	}
	for name, c := range map[string]struct {
		reason, scaling string
		least           any
		triggers        []string
		target          string
		notes           []string
	}{
		"Default":   {reason: "as many events as a replica takes at once", least: int64(0), triggers: []string{"queue"}, target: "7"},
		"Target":    {reason: "the mesh's own", scaling: "scaling: {targetQueueLength: 50, minReplicas: 2}", least: int64(2), triggers: []string{"queue"}, target: "50"},
		"NoRequest": {reason: "KEDA's webhook refuses cpu without a request", scaling: "scaling: {targetCPU: 50}", least: int64(0), triggers: []string{"queue"}, target: "7", notes: []string{"ScalingHonoured/NoRequest"}},
		"CPU":       {reason: "CPU beside the queue, which wakes", scaling: "resources: {requests: {cpu: 100m}}\nscaling: {targetCPU: 50}", least: int64(0), triggers: []string{"queue", "cpu"}, target: "7"},
	} {
		t.Run(name, func(t *testing.T) {
			st := of(c.scaling)
			o := find(t, st, "ScaledObject", "shop-pack")
			var names []string
			all, _ := at(o, "spec", "triggers").([]any)
			for _, trigger := range all {
				names = append(names, at(trigger, "name").(string))
			}
			if diff := cmp.Diff(c.triggers, names); diff != "" {
				t.Errorf("%s: triggers, -want +got:\n%s", c.reason, diff)
			}
			if got := at(o, "spec", "minReplicaCount"); got != c.least {
				t.Errorf("minReplicaCount %v: %s", got, c.reason)
			}
			if got := at(o, "spec", "triggers", 0, "metadata", "queues"); got != "pack="+c.target {
				t.Errorf("queues %v: %s", got, c.reason)
			}
			if diff := cmp.Diff(c.notes, notes(st)); diff != "" {
				t.Errorf("%s: notes, -want +got:\n%s", c.reason, diff)
			}
		})
	}
}

// TestNothingToScaleOn has functions that KEDA cannot scale, or not to zero.
func TestNothingToScaleOn(t *testing.T) {
	const one = "functions: [{name: a, image: example.com/app, scaler: keda, triggers: [{type: http}]%s}]"
	for name, c := range map[string]struct {
		reason, more string
		least        any
		notes        []string
	}{
		"HTTP": {reason: "no queue, no policy", notes: []string{"ScalingHonoured/NothingToScaleOn"}},
		"CPU":  {reason: "CPU wakes nobody", more: ", resources: {requests: {cpu: 1}}, scaling: {targetCPU: 50}", least: int64(1), notes: []string{"ScalingHonoured/MinimumIsOne"}},
		"Cron": {reason: "cron does, HTTP does not", more: ", scaling: {cron: [{start: 0 8 * * *, end: 0 9 * * *, replicas: 1}]}", least: int64(0), notes: []string{"TriggersHonoured/NotWoken"}},
	} {
		t.Run(name, func(t *testing.T) {
			st := state(t, compile(t, format(one, c.more)), settings(), desired.Found{})
			if got := at(find(t, st, "ScaledObject", "shop-a"), "spec", "minReplicaCount"); got != c.least {
				t.Errorf("minReplicaCount %v: %s", got, c.reason)
			}
			if diff := cmp.Diff(c.notes, notes(st)); diff != "" {
				t.Errorf("%s, -want +got:\n%s", c.reason, diff)
			}
			if find(t, st, "Deployment", "shop-dispatcher") != nil {
				t.Error("where no dispatcher has anything to do there is none")
			}
		})
	}
}

// TestNoRights: nothing that a front does asks the API server, whatever its
// triggers are.
func TestNoRights(t *testing.T) {
	for _, trigger := range []string{"{type: http}", "{type: cron, schedule: '@hourly'}"} {
		st := state(t, compile(t, "functions: [{name: a, image: example.com/app, triggers: ["+trigger+"]}]"), settings(), desired.Found{})
		for _, kind := range []string{"Role", "RoleBinding"} {
			if find(t, st, kind, "shop-front") != nil {
				t.Errorf("%s: there is a %s", trigger, kind)
			}
		}
		if got := at(find(t, st, "Deployment", "shop-front"), "spec", "template", "spec", "automountServiceAccountToken"); got != false {
			t.Errorf("%s: token of the API: %v", trigger, got)
		}
	}
}

// TestKept has a broker that is not JetStream: the cluster's default keeps what
// was taken from it, and a function stays awake for that as well.
func TestKept(t *testing.T) {
	const spec = "functions:\n  - {name: a, image: example.com/app, triggers: [{type: http}], state: []}\n  - {name: b, image: example.com/app, scaler: keda}\nconnections: [{from: a, to: b}]\n" +
		"broker: bus\ncomponents: [{name: bus, type: pubsub.redis, metadata: [{name: redisHost, value: r}, {name: redisPassword, secretKeyRef: {name: redis, key: p}}]}]"
	for name, c := range map[string]struct {
		reason       string
		polls        bool
		types, auths []any
	}{
		"Told":   {reason: "fronts tell of what is kept", types: []any{"redis-streams", "external-push"}, auths: []any{"shop", nil}},
		"Polled": {reason: "KEDA asks both servers", polls: true, types: []any{"redis-streams", "nats-jetstream"}, auths: []any{"shop", "shop-kept"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings()
			s.Polls = c.polls
			s.Broker.Metadata = append(s.Broker.Metadata,
				v1beta1.ComponentMetadata{Name: "natsServerMonitoringEndpoint", SecretKeyRef: &v1beta1.SecretKeyRef{Name: "nats", Key: "monitoring"}})
			st := state(t, compile(t, spec), s, desired.Found{})
			var types, auths []any
			triggers, _ := at(find(t, st, "ScaledObject", "shop-b"), "spec", "triggers").([]any)
			for _, trigger := range triggers {
				types, auths = append(types, at(trigger, "type")), append(auths, at(trigger, "authenticationRef", "name"))
			}
			if diff := cmp.Diff([][]any{c.types, c.auths}, [][]any{types, auths}); diff != "" {
				t.Errorf("%s, -want +got:\n%s", c.reason, diff)
			}
			for _, auth := range c.auths {
				if auth != nil && find(t, st, "TriggerAuthentication", auth.(string)) == nil {
					t.Errorf("there is no TriggerAuthentication %s", auth)
				}
			}
			served := false
			rules, _ := at(find(t, st, "NetworkPolicy", "shop-front"), "spec", "ingress").([]any)
			for _, rule := range rules {
				served = served || at(rule, "ports", 0, "port") == int64(8082)
			}
			if served == c.polls {
				t.Errorf("KEDA reaches fronts: %v: %s", served, c.reason)
			}
			for deployment, container := range map[string]int{"shop-front": 0, "shop": 0, "shop-b": 1} {
				if deployment == "shop" && find(t, st, "Deployment", deployment) == nil {
					continue
				}
				got := at(find(t, st, "Deployment", deployment), "spec", "template", "spec", "containers", container, "args")
				if args, _ := got.([]any); !slices.Contains(args, any("--keeper=links")) {
					t.Errorf("%s is not told what keeps its events: %v", deployment, got)
				}
			}
			if text := meshFile(t, st, "shop"); !strings.Contains(text, "pubsub.jetstream") || !strings.Contains(text, "broker: bus") {
				t.Errorf("front and dispatchers do not find both:\n%s", text)
			}
		})
	}
}

// TestDrain: no call is cut off by a shutdown that its timeout would let end.
func TestDrain(t *testing.T) {
	st := state(t, compile(t, "functions:\n  - {name: a, image: example.com/app, triggers: [{type: http}], timeout: 200s}\n  - {name: b, image: example.com/app, scaler: keda, timeout: 90s}\n"+
		"  - {name: c, image: example.com/app, scaler: keda, timeout: 5s}\nconnections: [{from: a, to: b}, {from: a, to: c}]"), settings(), desired.Found{})
	for name, c := range map[string]struct {
		reason    string
		container int
		drain     any
		grace     int64
		own       string
	}{
		"shop-front": {reason: "it calls all", drain: "--drain=200s", grace: 230},
		"shop-b":     {reason: "it calls one", container: 1, drain: "--drain=90s", grace: 120, own: "90s"},
		"shop-c":     {reason: "never less than the default", container: 1, grace: 60, own: "30s"},
	} {
		pod := at(find(t, st, "Deployment", name), "spec", "template", "spec")
		args, _ := at(pod, "containers", c.container, "args").([]any)
		var drain any
		for _, arg := range args {
			if strings.HasPrefix(arg.(string), "--drain") {
				drain = arg
			}
		}
		// The function's own host must not cut off what its dispatcher waits for.
		own := ""
		vars, _ := at(pod, "containers", 0, "env").([]any)
		for _, v := range vars {
			if at(v, "name") == "WEFT_GRACE" {
				own, _ = at(v, "value").(string)
			}
		}
		if own != c.own {
			t.Errorf("%s: its function finishes calls for %q, want %q", name, own, c.own)
		}
		if got := at(pod, "terminationGracePeriodSeconds"); drain != c.drain || got != c.grace {
			t.Errorf("%s: %v, %v s, want %v, %d: %s", name, drain, got, c.drain, c.grace, c.reason)
		}
	}
}
