package components

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/meshtest"
)

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		reason, component string
		want              []string
	}{
		"fine":              {"nothing to say", `{name: x, type: state.redis, metadata: [{name: redisHost, value: h}, {name: keyPrefix, value: name}]}`, nil},
		"alias":             {"daprd knows it too", `{name: x, type: state.postgres, version: v2, metadata: [{name: connectionString, value: h}]}`, nil},
		"topic scopes":      {"daprd reads them", `{name: x, type: pubsub.in-memory, metadata: [{name: publishingScopes, value: a=b}]}`, nil},
		"either of two":     {"one is enough", `{name: x, type: state.sqlite, metadata: [{name: url, value: h}]}`, nil},
		"of a library":      {"names of any kind", `{name: x, type: state.redis, metadata: [{name: redisHost, value: h}, {name: azureTenantId, value: t}]}`, nil},
		"type misspelt":     {"the nearest is named", `{name: x, type: state.reddis}`, []string{`component(x).type: the type "state.reddis" cannot be opened here; did you mean "state.redis"?`}},
		"alias misspelt":    {"aliases count", `{name: x, type: state.postgress}`, []string{`component(x).type: the type "state.postgress" cannot be opened here; did you mean "state.postgres"?`}},
		"type of a cluster": {"what there is is listed", `{name: x, type: secretstores.hashicorp.vault}`, []string{`component(x).type: the type "secretstores.hashicorp.vault" cannot be opened here; of secretstores there are secretstores.local.file, secretstores.local.env; a component of that name in local/ can stand in for it here`}},
		"kind":              {"kinds are listed", `{name: x, type: middleware.http.bearer}`, []string{`component(x).type: the type "middleware.http.bearer" cannot be opened here; the kinds are state, pubsub, bindings and secretstores`}},
		"version":           {"versions are listed", `{name: x, type: state.postgresql, version: v3, metadata: [{name: connectionString, value: h}]}`, []string{`component(x).version: state.postgresql has no version "v3"; it has v1 and v2`}},
		"metadata misspelt": {"a warning, with the nearest", `{name: x, type: state.redis, metadata: [{name: redisHost, value: h}, {name: redisPasword, value: p}]}`, []string{`component(x).metadata[1].name: warning: state.redis does not know the metadata "redisPasword"; did you mean "redisPassword"?`}},
		"metadata unknown":  {"a warning", `{name: x, type: state.in-memory, metadata: [{name: colour, value: red}]}`, []string{`component(x).metadata[0].name: warning: state.in-memory does not know the metadata "colour"`}},
		"missing":           {"an error", `{name: x, type: state.redis}`, []string{`component(x).metadata: state.redis needs the metadata "redisHost"; add an entry with that name and a value`}},
		"prefix":            {"|| is Dapr's own", `{name: x, type: state.in-memory, metadata: [{name: keyPrefix, value: "a||b"}]}`, []string{`component(x).metadata[0].value: keyPrefix "a||b" must not contain "||"`}},
		"upper case":        {"daprd takes it", `{name: x, type: state.Redis, metadata: [{name: REDISHOST, value: h}]}`, []string{`component(x).type: warning: "state.Redis" is written "state.redis"`}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, p := range Check(meshtest.Plan(t, one("\n    - {name: other, type: state.in-memory}\n    - "+c.component))) {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", c.reason, diff)
			}
		})
	}
}

func TestCheckEmbedded(t *testing.T) {
	if problems := Check(meshtest.Plan(t, "spec: {functions: [{name: a, triggers: [{type: http}]}]}")); problems != nil {
		t.Errorf("the engine's own store has problems: %v", problems)
	}
	if err := (mesh.Problems)(nil).Err(); err != nil {
		t.Fatal(err)
	}
}
