package local

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// daprMesh has one function that uses components, one that may use none, and
// one that is called.
const daprMesh = `apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata:
  name: kept
spec:
  functions:
    - name: keeper
      command: [$KEEPER]
      state: [notes]
      bindings: [files, tick]
      calls: [kept.hello]
      triggers: [{type: http, path: "/keeper/{what}/{key}"}]
    - name: hello
      command: [$STEP]
      state: []
      triggers: [{type: http, path: /hello}]
    - {name: last, command: [$STEP], state: []}
  connections:
    - {from: keeper, to: last}
  components:
    - {name: bus, type: pubsub.in-memory}
    - {name: files, type: bindings.localstorage, metadata: [{name: rootPath, value: ./files}]}
    - {name: tick, type: bindings.cron, metadata: [{name: schedule, value: "@every 1s"}, {name: direction, value: input}]}
    - {name: vault, type: secretstores.local.file, metadata: [{name: secretsFile, value: ./vault.json}]}
    - {name: other, type: state.in-memory}
    - {name: notes, type: state.embedded}
---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: declared}
spec: {pubsubname: bus, topic: declared, routes: {default: /topic}}
scopes: [keeper]
---
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: passed}
spec: {pubsubname: bus, topic: passed, routes: {default: /passon}}
scopes: [keeper]
`

func newDaprRig(t *testing.T, mesh string) *rig {
	t.Helper()
	r := newRig(t, strings.ReplaceAll(mesh, "$KEEPER", build(t, "keeper")), nil)
	r.write("vault.json", `{"answer": "42"}`)
	r.write("files/.keep", "")
	return r
}

// ask sends a request to a function and returns status and body.
func (r *rig) ask(method, path, body string) (int, string) {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.run.HTTP+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func (r *rig) must(method, path, body, want string) {
	r.t.Helper()
	if status, got := r.ask(method, path, body); status != http.StatusOK || !strings.Contains(got, want) {
		r.t.Fatalf("%s %s: %d %q, want 200 and %q\n%s", method, path, status, got, want, r.out)
	}
}

// note waits until the function has noted text under key.
func (r *rig) note(key, text string) {
	r.t.Helper()
	r.eventually("the note "+key, func() bool {
		_, got := r.ask(http.MethodGet, "/keeper/state/"+key, "")
		return got == text
	})
}

func TestFunctionsUseComponents(t *testing.T) {
	r := newDaprRig(t, daprMesh)
	r.up()
	r.must(http.MethodPut, "/keeper/state/a", "first", "")
	r.must(http.MethodGet, "/keeper/state/a", "", "first")
	r.must(http.MethodGet, "/keeper/sdk/a", "", "first")
	r.must(http.MethodGet, "/keeper/secret/answer", "", "42")
	r.must(http.MethodPost, "/keeper/file/f.txt", "kept, by a function", "")
	if b, err := os.ReadFile(filepath.Join(r.dir, "files", "f.txt")); err != nil || string(b) != "kept, by a function" {
		t.Errorf("the binding wrote %q, %v", b, err)
	}
	r.must(http.MethodGet, "/keeper/call/hello", "", "")
	r.await("hello", "called")

	r.note("tick", "ticked") // an input binding
	for _, topic := range []string{"declared", "asked"} {
		// The function is asked in the background what it subscribes to.
		r.eventually("a subscription to "+topic, func() bool {
			r.must(http.MethodPost, "/keeper/publish/"+topic, "hello "+topic, "")
			_, got := r.ask(http.MethodGet, "/keeper/state/"+topic, "")
			return got == "hello "+topic
		})
	}
	// What the mesh does not give, the API does not have.
	if status, body := r.ask(http.MethodGet, "/keeper/foreign/other", ""); status != http.StatusInternalServerError || !strings.Contains(body, "other") {
		t.Errorf("a store that is not declared: %d %s", status, body)
	}
}

// TestWhatIsEmittedForAMessageIsRouted: the answer to a message says what
// becomes of the message, and what was emitted is not part of it.
func TestWhatIsEmittedForAMessageIsRouted(t *testing.T) {
	r := newDaprRig(t, daprMesh)
	r.up()
	// The subscription comes to be in the background.
	r.eventually("an event behind the link", func() bool {
		r.must(http.MethodPost, "/keeper/publish/passed", "from-a-topic", "")
		return r.count("last", "from-a-topic") > 0
	})
}

func TestStateOutlivesTheEngine(t *testing.T) {
	r := newDaprRig(t, daprMesh)
	r.up()
	r.must(http.MethodPut, "/keeper/state/a", "kept", "")
	r.down()
	r.up()
	r.must(http.MethodGet, "/keeper/state/a", "", "kept")
}

func TestReloadKeepsWhatMemoryHolds(t *testing.T) {
	mesh := strings.Replace(daprMesh, "{name: notes, type: state.embedded}", "{name: notes, type: state.in-memory}", 1)
	r := newDaprRig(t, mesh)
	r.up(func(o *Options) { o.Watch = true })
	r.must(http.MethodPut, "/keeper/state/a", "kept", "")
	r.write("mesh.yaml", strings.ReplaceAll(mesh, "$KEEPER", build(t, "keeper"))+"# changed\n")
	r.eventually("a reload", func() bool { return strings.Contains(r.out.String(), "reloaded the mesh") })
	r.must(http.MethodGet, "/keeper/state/a", "", "kept")
	r.must(http.MethodPut, "/keeper/state/b", "after", "")
}

func TestComponentsThatDoNotOpen(t *testing.T) {
	tests := map[string]struct {
		reason    string
		component string
		want      []string
	}{
		"server down": {
			"named, with what was tried", "{name: notes, type: state.redis, initTimeout: 300ms, metadata: [{name: redisHost, value: '127.0.0.1:1'}, {name: redisPassword, value: hunter2}]}",
			[]string{"notes", "state.redis", "127.0.0.1:1", "300ms"},
		},
		"unknown type":   {"with the nearest", "{name: notes, type: state.sqlit}", []string{"state.sqlit", `"state.sqlite"`, "mesh.yaml:"}},
		"missing secret": {"before anything runs", "{name: notes, type: state.redis, metadata: [{name: redisHost, secretKeyRef: {name: nowhere, key: host}}]}", []string{"nowhere", "host", "mesh.yaml:"}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			r := newDaprRig(t, strings.Replace(daprMesh, "{name: notes, type: state.embedded}", c.component, 1))
			err := Run(t.Context(), r.options())
			if err == nil {
				t.Fatalf("%s: the engine ran", c.reason)
			}
			for _, s := range c.want {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%s: the error does not say %q: %v", c.reason, s, err)
				}
			}
			if strings.Contains(err.Error()+r.out.String(), "hunter2") {
				t.Errorf("the password is told: %v\n%s", err, r.out)
			}
		})
	}
}
