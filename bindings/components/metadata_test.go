package components

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh/meshtest"
)

// spec gives the component of a mesh that text lists.
func spec(t *testing.T, text, name string) (v1beta1.Component, *Config) {
	t.Helper()
	plan := meshtest.Plan(t, one(text))
	return plan.Components[name], &Config{Plan: plan}
}

func resolved(t *testing.T, cfg *Config, c v1beta1.Component) (map[string]string, []string, error) {
	t.Helper()
	cfg.Logger = slog.New(slog.DiscardHandler)
	o := &opener{cfg: cfg, pending: make(map[string]*pending)}
	o.resolver = &resolver{cfg: cfg, log: cfg.Logger, store: o.store}
	d, _ := find(c.Type, c.Version)
	return o.resolver.resolve(context.Background(), c, d.known())
}

func TestResolve(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secrets.json"), []byte(`{"redis":{"pass":"from the file"}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	c, cfg := spec(t, `
    - {name: vault, type: secretstores.local.file, metadata: [{name: secretsFile, value: secrets.json}, {name: multiValued, value: "true"}]}
    - name: cache
      type: state.redis
      secretStore: vault
      metadata:
        - {name: REDISHOST, value: "localhost:6379"}
        - {name: redisPassword, secretKeyRef: {name: redis, key: pass}}
        - {name: redisUsername, envRef: REDIS_USER}`, "cache")
	cfg.Base = dir
	cfg.LookupEnv = func(name string) (string, bool) { return "user of " + name, name == "REDIS_USER" }
	got, secrets, err := resolved(t, cfg, c)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"redisHost": "localhost:6379", "redisPassword": "from the file", "redisUsername": "user of REDIS_USER"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"from the file", "user of REDIS_USER"}, secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
}

func TestResolveMissing(t *testing.T) {
	for name, c := range map[string]struct {
		reason, components string
		want               []string
	}{
		"no document": {"neither Secret nor store", `
    - {name: cache, type: state.redis, metadata: [{name: redisPassword, secretKeyRef: {name: redis, key: pass}}]}`,
			[]string{"redisPassword", `"redis"`, `"pass"`, "local/", "auth.secretStore"}},
		"no key": {"the secret's name is taken", `
    - {name: cache, type: state.redis, secretStore: kubernetes, metadata: [{name: redisPassword, secretKeyRef: {name: redis}}]}`,
			[]string{`Secret "redis" with the key "redis"`}},
		"no store": {"none of that name", `
    - {name: vault, type: secretstores.local.env}
    - {name: cache, type: state.redis, secretStore: vaultt, metadata: [{name: redisPassword, secretKeyRef: {name: redis}}]}`,
			[]string{"redisPassword", `no secret store "vaultt"`, `did you mean "vault"?`}},
		"no value": {"the variable is not set", `
    - {name: vault, type: secretstores.local.env}
    - {name: cache, type: state.redis, secretStore: vault, metadata: [{name: redisPassword, secretKeyRef: {name: WEFT_NOT_SET}}]}`,
			[]string{"redisPassword", `"WEFT_NOT_SET"`, `"vault"`, "secretKeyRef"}},
		"no secret store": {"another kind", `
    - {name: tick, type: state.in-memory}
    - {name: cache, type: state.redis, secretStore: tick, metadata: [{name: redisPassword, secretKeyRef: {name: a}}]}`,
			[]string{`"tick" is a state.in-memory, not a secret store`}},
		"Dapr's own variable": {"daprd keeps them", `
    - {name: cache, type: state.redis, metadata: [{name: redisPassword, envRef: DAPR_API_TOKEN}]}`,
			[]string{"redisPassword", "DAPR_API_TOKEN", "another name"}},
		"the app's token": {"daprd keeps it", `
    - {name: cache, type: state.redis, metadata: [{name: redisPassword, envRef: app_api_token}]}`,
			[]string{"app_api_token"}},
	} {
		t.Run(name, func(t *testing.T) {
			comp, cfg := spec(t, c.components, "cache")
			_, _, err := resolved(t, cfg, comp)
			for _, part := range c.want {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("%s: the error does not say %s: %v", c.reason, part, err)
				}
			}
		})
	}
}

func TestSecretsInACircle(t *testing.T) {
	plan := meshtest.Plan(t, one(`
    - {name: one, type: secretstores.local.file, secretStore: two, metadata: [{name: secretsFile, secretKeyRef: {name: a}}]}
    - {name: two, type: secretstores.local.file, secretStore: one, metadata: [{name: secretsFile, secretKeyRef: {name: a}}]}`))
	_, err := Open(context.Background(), Config{Plan: plan, Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "one -> two -> one") {
		t.Errorf("Open: %v", err)
	}
}

func TestTemplates(t *testing.T) {
	in := map[string]string{"a": "{appID}/{namespace}/{podName}", "b": "{uuid}{uuid}", "c": "{other}"}
	got := templates{app: "shop", namespace: "prod", pod: "here"}.fill(in)
	if got["a"] != "shop/prod.shop/here" || got["c"] != "{other}" {
		t.Errorf("filled: %v", got)
	}
	if !regexp.MustCompile(`^[0-9a-f-]{72}$`).MatchString(got["b"]) || got["b"][:36] == got["b"][36:] {
		t.Errorf("{uuid}{uuid} is %q", got["b"])
	}
	if in["b"] != "{uuid}{uuid}" {
		t.Error("the metadata given has changed")
	}
}

// FuzzTemplates: whatever the value, filling ends, and leaves no template of
// daprd's.
func FuzzTemplates(f *testing.F) {
	f.Add("{uuid}{appID}{namespace}{podName}")
	f.Add("{{uuid}uuid}")
	f.Fuzz(func(t *testing.T, v string) {
		if len(v) > 1<<12 {
			t.Skip("longer than any metadata")
		}
		got := templates{app: "a", namespace: "n", pod: "p"}.fill(map[string]string{"x": v})["x"]
		if strings.Contains(v, "{uuid}") && got == v {
			t.Errorf("%q was not filled", v)
		}
	})
}

func TestSQLitePath(t *testing.T) {
	for in, want := range map[string]string{
		"data.db":               "file:/mesh%3f/data.db?_pragma=cache_size(-1024)",
		"file:data.db?mode=rwc": "file:/mesh%3f/data.db?mode=rwc&_pragma=cache_size(-1024)",
		"FILE:sub/data.db":      "file:/mesh%3f/sub/data.db?_pragma=cache_size(-1024)",
		"/abs/data.db":          "/abs/data.db?_pragma=cache_size(-1024)",
		"file:/abs/data.db?_pragma=cache_size(9)": "file:/abs/data.db?_pragma=cache_size(9)",
		":memory:":                      ":memory:",
		"file::memory:?cache=shared":    "file::memory:?cache=shared",
		"file:name?mode=memory&cache=x": "file:name?mode=memory&cache=x",
	} {
		props := map[string]string{"ConnectionString": in}
		sqlitePath("/mesh?", props)
		if got := props["ConnectionString"]; got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
}

func TestServers(t *testing.T) {
	for name, c := range map[string]struct {
		of    func(map[string]string) ([]address, error)
		props map[string]string
		want  []address
		bad   bool
	}{
		"redis":                   {of: redisServer, props: map[string]string{"redisHost": "a:1, b", "redisPort": "2"}, want: []address{{"tcp", "a:1"}, {"tcp", "b:2"}}},
		"redis, IPv6":             {of: redisServer, props: map[string]string{"redisHost": "[::1]"}, want: []address{{"tcp", "[::1]:6379"}}},
		"postgres URL":            {of: postgresServer, props: map[string]string{"connectionString": "postgres://u:p@h:5/db?sslmode=disable"}, want: []address{{"tcp", "h:5"}}},
		"postgres pairs":          {of: postgresServer, props: map[string]string{"connectionString": "host=h user=u password=p sslmode=disable"}, want: []address{{"tcp", "h:5432"}}},
		"postgres socket":         {of: postgresServer, props: map[string]string{"connectionString": "host=/run/pg user=u"}, want: []address{{"unix", "/run/pg/.s.PGSQL.5432"}}},
		"postgres with both":      {of: postgresServer, props: map[string]string{"connectionString": "postgres://u@h/db?sslmode=disable", "host": "other", "port": "7"}, want: []address{{"tcp", "other:7"}}},
		"postgres, nonsense":      {of: postgresServer, props: map[string]string{"connectionString": "postgres://u:pa ss@h:x/db"}, bad: true},
		"amqp":                    {of: rabbitmqServer, props: map[string]string{"connectionString": "amqp://u:p@h"}, want: []address{{"tcp", "h:5672"}}},
		"amqps":                   {of: rabbitmqServer, props: map[string]string{"host": "amqps://h"}, want: []address{{"tcp", "h:5671"}}},
		"amqp, hostname":          {of: rabbitmqServer, props: map[string]string{"hostname": "h"}, want: []address{{"tcp", "h:5672"}}},
		"amqp, nonsense":          {of: rabbitmqServer, props: map[string]string{"connectionString": "amqp://u:p%zz@h"}, bad: true},
		"nats":                    {of: natsServer, props: map[string]string{"natsURL": "nats://a:1,b"}, want: []address{{"tcp", "a:1"}, {"tcp", "b:4222"}}},
		"mqtt":                    {of: mqttServer, props: map[string]string{"url": "mqtts://u:p@h"}, want: []address{{"tcp", "h:8883"}}},
		"kafka, with white space": {of: kafkaServer, props: map[string]string{"brokers": " a:1 ,, b "}, want: []address{{"tcp", "a:1"}, {"tcp", "b:9092"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.of(c.props)
			if (err != nil) != c.bad {
				t.Fatalf("error: %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "pa ss") || strings.Contains(err.Error(), "p%zz")) {
				t.Errorf("the error holds the password: %v", err)
			}
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(address{})); diff != "" {
				t.Errorf("addresses (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzServers: no metadata makes them panic, and errors hold nothing of it.
func FuzzServers(f *testing.F) {
	f.Add("postgres://u:secretsecret@h:5/db")
	f.Add("amqp://u:secretsecret@[::1")
	f.Add("host=a password=secretsecret port=x")
	f.Fuzz(func(t *testing.T, v string) {
		for _, of := range []func(map[string]string) ([]address, error){redisServer, postgresServer, rabbitmqServer, natsServer, mqttServer, kafkaServer} {
			props := map[string]string{"connectionString": v, "url": v, "natsURL": v, "redisHost": v, "brokers": v}
			if _, err := of(props); err != nil && len(v) > 20 && strings.Contains(err.Error(), v) {
				t.Errorf("the error holds the value: %v", err)
			}
			sqlitePath("/base", props)
			newRedactor(props, nil).text(v)
		}
	})
}
