package dataplane

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/bindings/daprapi/contract"
	"github.com/weftmesh/weft/controller/desired"
	"github.com/weftmesh/weft/internal/realtest"
	"github.com/weftmesh/weft/internal/telemetry"
	"github.com/weftmesh/weft/mesh/source"
)

// applied are the objects that the controller applies for a mesh, of a kind.
type applied []map[string]any

func (a applied) of(kind string) []map[string]any {
	return slices.DeleteFunc(slices.Clone(a), func(o map[string]any) bool { return o["kind"] != kind })
}

// in follows a path of keys and numbers.
func in[T any](t *testing.T, o any, path ...any) T {
	t.Helper()
	for _, step := range path {
		switch step := step.(type) {
		case string:
			o = o.(map[string]any)[step]
		case int:
			o = o.([]any)[step]
		}
	}
	v, ok := o.(T)
	if !ok {
		t.Fatalf("%v is a %T", path, o)
	}
	return v
}

// deploy writes what the pods of a mesh find, as the controller desires it.
func (c *cluster) deploy(text string) applied {
	c.t.Helper()
	c.write("source/mesh.yaml", text)
	b, problems := source.Load(filepath.Join(c.dir, "source", "mesh.yaml"), source.Options{Cluster: true})
	if b.Plan == nil {
		c.t.Fatal(problems)
	}
	state := desired.Of(b.Plan, desired.Settings{
		Dataplane: "example.com/weft-dataplane", Has: desired.Installed{Knative: true, KEDA: true, Dapr: true},
		Broker: v1beta1.Component{Name: "links", Type: "pubsub.jetstream", Metadata: []v1beta1.ComponentMetadata{{Name: "natsURL", Value: c.nats}}},
	}, desired.Found{})
	var all applied
	for _, o := range state.Objects {
		clean, err := desired.Clean(o)
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, clean.Object)
		switch clean.GetKind() {
		case "ConfigMap":
			c.write("mesh/mesh.yaml", in[string](c.t, clean.Object, "data", "mesh.yaml"))
		case "Component", "Subscription", "Resiliency":
			data, err := yaml.Marshal(clean.Object)
			if err != nil {
				c.t.Fatal(err)
			}
			c.write("resources/"+clean.GetKind()+"-"+clean.GetName()+".yaml", string(data))
		case "Deployment":
			if !strings.HasSuffix(clean.GetName(), "-front") {
				continue
			}
			for _, v := range in[[]any](c.t, clean.Object, "spec", "template", "spec", "volumes") {
				if in[string](c.t, v, "name") != "tokens" {
					continue
				}
				for _, item := range in[[]any](c.t, v, "secret", "items") {
					c.write("tokens/"+in[string](c.t, item, "path"), "token-of-"+in[string](c.t, item, "key"))
				}
			}
		}
	}
	return all
}

// What the controller has Dapr do, the front serves: daprd posts topics to the
// routes of Subscriptions and bindings to their names or routes, at the port and
// with the token of the annotations.
func TestSidecarServesWhatIsDesired(t *testing.T) {
	c := newCluster(t, "knative", nil)
	objects := c.deploy(fmt.Sprintf(triggeredMesh, c.nats, "amqp://r"))
	plan, err := readMesh(filepath.Join(c.dir, "mesh"))
	if err != nil {
		t.Fatal(err)
	}
	var app, token string
	for _, d := range objects.of("Deployment") {
		if in[string](t, d, "metadata", "name") != "shop-front" {
			continue
		}
		a := in[map[string]any](t, d, "spec", "template", "metadata", "annotations")
		app = in[string](t, a, "dapr.io/app-id")
		if got := in[string](t, a, "dapr.io/app-port"); ":"+got != DefaultSink {
			t.Errorf("the sidecar calls port %s, and %s is served", got, DefaultSink)
		}
		for env := range strings.SplitSeq(in[string](t, a, "dapr.io/env-from-secret"), ",") {
			if name, from, _ := strings.Cut(env, "="); name == "APP_API_TOKEN" {
				_, key, _ := strings.Cut(from, ":")
				token = "token-of-" + key
			}
		}
	}
	q := &queued{}
	s, err := newSidecar(plan, q, telemetry.NewRecorder(plan), c.options(RoleFront))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(method, path, body string) int {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Dapr-Api-Token", token)
		w := httptest.NewRecorder()
		s.before(http.NotFoundHandler()).ServeHTTP(w, r)
		return w.Code
	}
	got := make(map[string][]string)
	for _, o := range objects.of("Subscription") {
		if scopes := in[[]any](t, o, "scopes"); !slices.Contains(scopes, any(app)) {
			t.Errorf("%v is for %v, not for %s", o["metadata"], scopes, app)
		}
		q.got = nil
		if code := ask(http.MethodPost, in[string](t, o, "spec", "routes", "default"), "{}"); code != http.StatusOK {
			t.Errorf("%v is answered %d", o["spec"], code)
		}
		name := in[string](t, o, "spec", "pubsubname") + " " + in[string](t, o, "spec", "topic")
		if got[name] != nil {
			t.Errorf("two subscriptions to %s: Dapr keeps one", name)
		}
		for _, line := range q.got {
			function, _, _ := strings.Cut(line, ":")
			got[name] = append(got[name], function)
		}
	}
	for _, o := range objects.of("Component") {
		name, path := in[string](t, o, "metadata", "name"), in[string](t, o, "metadata", "name")
		for _, m := range in[[]any](t, o, "spec", "metadata") {
			if in[string](t, m, "name") == "route" {
				path = strings.TrimPrefix(in[string](t, m, "value"), "/")
			}
		}
		if !slices.Contains(in[[]any](t, o, "scopes"), any(app)) {
			t.Errorf("the front's sidecar does not see %s", name)
		}
		if !strings.HasPrefix(in[string](t, o, "spec", "type"), "bindings.") {
			continue
		}
		q.got = nil
		if asked, posted := ask(http.MethodOptions, "/"+path, ""), ask(http.MethodPost, "/"+path, "{}"); asked != http.StatusNoContent || posted != http.StatusOK {
			t.Errorf("binding %s at %s: asked for %d, posted to %d", name, path, asked, posted)
		}
		for _, line := range q.got {
			function, _, _ := strings.Cut(line, ":")
			got[name] = append(got[name], function)
		}
	}
	want := map[string][]string{
		"bus orders": {"ingestOrder", "validateInventory"}, "bus mail/#": {"notifyUser"},
		"queue": {"validateInventory", "notifyUser"}, "clock": {"notifyUser"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// lookOut tells when a text is logged.
type lookOut struct {
	to   io.Writer
	text string
	seen chan<- struct{}
}

func (l lookOut) Write(p []byte) (int, error) {
	if strings.Contains(string(p), l.text) {
		select {
		case l.seen <- struct{}{}:
		default:
		}
	}
	return l.to.Write(p)
}

// TestRealDaprdTopics has a real daprd beside the front, with the Components and
// Subscriptions that the controller applies.
func TestRealDaprdTopics(t *testing.T) {
	path := realtest.Need(t, "WEFT_TEST_DAPRD", "make test-real builds one")
	rabbit := realtest.Need(t, "WEFT_TEST_RABBITMQ", realtest.Servers)
	c := newCluster(t, "knative", nil)
	c.deploy(fmt.Sprintf(triggeredMesh, c.nats, rabbit))
	if err := os.Remove(filepath.Join(c.dir, "resources", "Component-queue.yaml")); err != nil {
		t.Fatal(err) // its queue is one of no test
	}
	t.Setenv("APP_API_TOKEN", "token-of-front")
	refused := make(chan struct{}, 100)
	o := c.options(RoleFront)
	o.Logger = slog.New(slog.NewTextHandler(lookOut{testWriter{t}, "they come again", refused}, nil))
	at, stop := c.start(o)
	dapr := contract.Daprd{Path: path}.Start(t, contract.Setup{
		Dir: c.dir, App: &contract.App{URL: "http://" + at.Sink}, AppID: "shop-front",
	})
	publish := func(n int) {
		req, _ := http.NewRequest(http.MethodPost, dapr.HTTP+"/v1.0/publish/bus/orders", strings.NewReader(fmt.Sprintf(`{"n":%d}`, n)))
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("dapr-api-token", dapr.Token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusNoContent {
			body, _ := io.ReadAll(resp.Body)
			t.Fatalf("publish: %d %s", resp.StatusCode, body)
		}
	}
	for n := range 20 {
		publish(n)
	}
	c.eventually("each message is handled by both functions, and what the one brings sent on", func() bool {
		return c.distinct("ingest-order") == 20 && c.distinct("validate-inventory") == 40
	})
	c.eventually("the clock ticks for its function", func() bool { return c.distinct("notify-user") >= 2 })

	// What comes while there is no broker, or no front, waits for them.
	c.stopNATS()
	c.eventually("the front is not ready", func() bool { return !c.ready(at) })
	for n := range 10 {
		publish(20 + n)
	}
	<-refused
	if err := stop(); err != nil {
		t.Error(err)
	}
	publish(30)
	c.restartNATS(c.storeDir)
	o = c.options(RoleFront)
	o.Sink = at.Sink // as the sidecar knows it
	c.start(o)
	c.eventually("the messages of the outage are handled", func() bool {
		return c.distinct("ingest-order") == 31 && c.distinct("validate-inventory") == 62
	})
}
