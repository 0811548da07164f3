package desired_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/controller/desired"
)

// two functions that may use state and bindings.
const two = `
functions:
  - {name: takeOrder, image: example.com/take, triggers: [{type: http}]%s}
  - {name: pack, image: example.com/pack, triggers: [{type: queue}]%s}
components:
%s
`

const beside = `
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: orders}
spec: {type: state.redis, version: v1, metadata: [{name: redisHost, value: redis}%s]}
%s`

func format(text string, args ...string) string {
	for _, a := range args {
		text = strings.Replace(text, "%s", a, 1)
	}
	return text
}

func TestComponents(t *testing.T) {
	const redis = "  - {name: orders, type: state.redis, metadata: [{name: redisHost, value: redis}, {name: redisPassword, secretKeyRef: {name: redis}}]}"
	for name, c := range map[string]struct {
		reason, spec string
		beside       []string
		found        desired.Found
		change       func(*desired.Settings)
		// scopes by component, and functions with a sidecar.
		scopes   map[string][]any
		sidecars []string
		notes    []string
	}{
		"Unscoped": {reason: "Dapr's rule: all see it", spec: format(two, "", "", redis),
			scopes: map[string][]any{"orders": {"shop-take-order", "shop-pack"}}, sidecars: []string{"take-order", "pack"}},
		"Declared": {reason: "only who declares it", spec: format(two, ", state: [orders]", "", redis),
			scopes: map[string][]any{"orders": {"shop-take-order"}}, sidecars: []string{"take-order"}},
		"Nobody": {reason: "a component that nobody uses is not there", spec: format(two, ", state: []", "", redis)},
		"Beside": {reason: "one beside the mesh is used as it is", spec: format(two, ", state: [orders]", "", "  []"), beside: []string{format(beside, "", "")},
			sidecars: []string{"take-order"}},
		"BesideShared": {reason: "Dapr gives each function keys of its own", spec: format(two, "", "", "  []"), beside: []string{format(beside, "", "")},
			sidecars: []string{"take-order", "pack"}, notes: []string{"ComponentsReady/StateApart"}},
		"BesidePrefix": {reason: "with a prefix they share them", spec: format(two, "", "", "  []"), beside: []string{format(beside, ", {name: keyprefix, value: shop}", "")},
			sidecars: []string{"take-order", "pack"}},
		"BesideScopes": {reason: "Dapr does not know functions by the names of the mesh", spec: format(two, "", "", "  []"), beside: []string{format(beside, "", "scopes: [takeOrder]")},
			sidecars: []string{"take-order"}, notes: []string{"ComponentsReady/OutOfScope"}},
		"BesideAppIDs": {reason: "but by app ids", spec: format(two, "", "", "  []"), beside: []string{format(beside, "", "scopes: [shop-take-order]")},
			sidecars: []string{"take-order"}},
		"Clash": {reason: "someone else's of that name is not touched", spec: format(two, ", state: [orders]", "", redis), found: desired.Found{Components: map[string]bool{"orders": true}},
			sidecars: []string{"take-order"}, notes: []string{"ComponentsReady/OwnedByOthers"}},
		"Embedded": {reason: "a cluster has no store of its own", spec: format(two, ", state: [carts]", "", "  []"), notes: []string{"!ComponentsReady/NoStore"}},
		"Default":  {reason: "the store that every mesh has on one machine is nobody's wish", spec: format(two, "", "", "  []")},
		"NoDapr": {reason: "what uses a component cannot run", spec: format(two, ", state: [orders]", "", redis), change: func(s *desired.Settings) { s.Has.Dapr = false },
			notes: []string{"!DaprInstalled/NoSidecar"}},
		"Broker": {reason: "links need no sidecar", spec: format(two, "", "", "  - {name: bus, type: pubsub.jetstream, metadata: [{name: natsURL, value: 'nats://n:4222'}]}") + "broker: bus"},
		"Secret": {reason: "what is written out can be read by all", spec: format(two, ", state: [orders]", "", "  - {name: orders, type: state.postgresql, metadata: [{name: connectionString, value: 'postgres://ann:s3cret@db/x'}]}"),
			scopes: map[string][]any{"orders": {"shop-take-order"}}, sidecars: []string{"take-order"}, notes: []string{"SecretsReferenced/WrittenOut"}},
		"Trigger": {reason: "topics are the front's", spec: "functions: [{name: pack, image: example.com/pack, state: [], triggers: [{type: pubsub, component: news, topic: a}]}]\ncomponents: [{name: news, type: pubsub.redis, scopes: [nobody]}]",
			scopes: map[string][]any{"news": {"shop-front"}}, sidecars: []string{"front"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := settings()
			if c.change != nil {
				c.change(&s)
			}
			st := state(t, compile(t, c.spec, c.beside...), s, c.found)
			var scopes map[string][]any
			for _, o := range st.Objects {
				if kindOf(o) != "Component" {
					continue
				}
				clean, err := desired.Clean(o)
				if err != nil {
					t.Fatal(err)
				}
				if scopes == nil {
					scopes = make(map[string][]any)
				}
				scopes[clean.GetName()], _ = at(clean.Object, "scopes").([]any)
			}
			if diff := cmp.Diff(c.scopes, scopes); diff != "" {
				t.Errorf("%s: scopes, -want +got:\n%s", c.reason, diff)
			}
			var sidecars []string
			for _, pod := range []struct{ kind, name string }{{"knative/Service", "take-order"}, {"knative/Service", "pack"}, {"Deployment", "front"}} {
				if at(find(t, st, pod.kind, "shop-"+pod.name), "spec", "template", "metadata", "annotations", "dapr.io/enabled") == "true" {
					sidecars = append(sidecars, pod.name)
				}
			}
			if diff := cmp.Diff(c.sidecars, sidecars); diff != "" {
				t.Errorf("%s: sidecars, -want +got:\n%s", c.reason, diff)
			}
			if diff := cmp.Diff(c.notes, notes(st)); diff != "" {
				t.Errorf("%s: notes, -want +got:\n%s", c.reason, diff)
			}
		})
	}
}

// TestBrokerSecret: what front and dispatchers read of a component beside the mesh
// is copied to where others may read it, so it must hold no secret.
func TestBrokerSecret(t *testing.T) {
	for name, c := range map[string]struct {
		reason, broker, settings string
		says                     string
	}{
		"Password":  {"it is copied", "bus", "{name: natsURL, value: 'nats://ann:s3cret@n:4222'}", "ConfigMap shop-mesh"},
		"Token":     {"a user alone is a token", "bus", "{name: natsURL, value: 'nats://s3cret@n:4222'}", "ConfigMap shop-mesh"},
		"Seed":      {"so is a key", "bus", "{name: natsURL, value: 'nats://n'}, {name: seedKey, value: s3cret}", "ConfigMap shop-mesh"},
		"Address":   {"an address is none", "bus", "{name: natsURL, value: 'nats://n:4222'}", ""},
		"Reference": {"a reference is none", "bus", "{name: natsURL, secretKeyRef: {name: nats, key: url}}", ""},
		"NotCopied": {"it is in front of its author alone", "", "{name: natsURL, value: 'nats://ann:s3cret@n:4222'}", ""},
	} {
		t.Run(name, func(t *testing.T) {
			bus := "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: bus}\nspec: {type: pubsub.jetstream, version: v1, metadata: [" + c.settings + "]}"
			st := state(t, compile(t, "functions: [{name: a, image: example.com/app, triggers: [{type: http}]}]\nbroker: '"+c.broker+"'", bus), settings(), desired.Found{})
			var got string
			for _, n := range st.Notes {
				if n.Type == desired.TypeSecretsReferenced {
					got += n.Message
				}
			}
			if (got != "") != (c.says != "") || !strings.Contains(got, c.says) || strings.Contains(got, "s3cret") {
				t.Errorf("%s: %q", c.reason, got)
			}
		})
	}
}

func TestComponentObject(t *testing.T) {
	spec := format(two, ", state: [orders]", "", "  - {name: orders, type: state.redis, ignoreErrors: true, initTimeout: 5s, secretStore: vault, metadata: [{name: redisHost, value: redis}, {name: redisPassword, secretKeyRef: {name: redis}}, {name: redisDB, envRef: DB}, {name: redisUsername, value: ''}]}")
	got := find(t, state(t, compile(t, spec), settings(), desired.Found{}), "Component", "orders")
	want := map[string]any{
		"apiVersion": "dapr.io/v1alpha1", "kind": "Component",
		"metadata": map[string]any{"name": "orders", "namespace": "default", "labels": map[string]any{"weft.dev/mesh": "shop"}},
		"auth":     map[string]any{"secretStore": "vault"},
		"scopes":   []any{"shop-take-order"},
		"spec": map[string]any{
			"type": "state.redis", "version": "v1", "ignoreErrors": true, "initTimeout": "5s",
			"metadata": []any{
				map[string]any{"name": "redisHost", "value": "redis"},
				map[string]any{"name": "redisPassword", "secretKeyRef": map[string]any{"name": "redis", "key": "redis"}},
				map[string]any{"name": "redisDB", "envRef": "DB"},
				map[string]any{"name": "redisUsername", "value": ""},
				map[string]any{"name": "keyPrefix", "value": "shop"},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSidecar(t *testing.T) {
	st := state(t, compile(t, format(two, ", state: [orders]", "", "  - {name: orders, type: state.redis}")), settings(), desired.Found{})
	annotations := at(find(t, st, "knative/Service", "shop-take-order"), "spec", "template", "metadata", "annotations")
	for key, want := range map[string]string{
		"dapr.io/app-id": "shop-take-order", "dapr.io/app-port": "8080", "dapr.io/metrics-port": "19090", "dapr.io/enable-native-sidecar": "true",
		"dapr.io/env-from-secret": "APP_API_TOKEN=shop-tokens:take-order,DAPR_API_TOKEN=shop-tokens:take-order",
	} {
		if got := at(annotations, key); got != want {
			t.Errorf("%s is %v, want %s", key, got, want)
		}
	}
}
