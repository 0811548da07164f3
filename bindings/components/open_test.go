package components

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dapr/components-contrib/bindings"
	contribmetadata "github.com/dapr/components-contrib/metadata"
	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/components-contrib/state"
	"github.com/dapr/kit/logger"

	"github.com/weftmesh/weft/mesh/meshtest"
)

// nobody gives an address at which no one listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return addr
}

func TestServerDown(t *testing.T) {
	for name, c := range map[string]string{
		"redis":      `{name: x, type: state.redis, initTimeout: 1s, metadata: [{name: redisHost, value: "ADDR"}, {name: redisPassword, value: hunter22}]}`,
		"postgresql": `{name: x, type: state.postgresql, version: v2, initTimeout: 1s, metadata: [{name: connectionString, value: "postgres://u:hunter22@ADDR/db?sslmode=disable"}]}`,
		"rabbitmq":   `{name: x, type: pubsub.rabbitmq, initTimeout: 1s, metadata: [{name: connectionString, value: "amqp://u:hunter22@ADDR"}]}`,
		"jetstream":  `{name: x, type: pubsub.jetstream, initTimeout: 1s, metadata: [{name: natsURL, value: "nats://u:hunter22@ADDR"}]}`,
		"mqtt3":      `{name: x, type: pubsub.mqtt3, initTimeout: 1s, metadata: [{name: url, value: "mqtt://u:hunter22@ADDR"}]}`,
		"kafka":      `{name: x, type: bindings.kafka, initTimeout: 1s, metadata: [{name: brokers, value: "ADDR"}, {name: authType, value: none}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			addr := nobody(t)
			plan := meshtest.Plan(t, one("\n    - "+strings.ReplaceAll(c, "ADDR", addr)))
			_, err := Open(context.Background(), Config{Plan: plan, Logger: slog.New(slog.DiscardHandler)})
			if err == nil {
				t.Fatal("it opened")
			}
			text := err.Error()
			for _, want := range []string{`component "x" (` + plan.Components["x"].Type + ")", "at " + addr, "for 1s", "connection refused", "ignoreErrors"} {
				if !strings.Contains(text, want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			if strings.Contains(text, "hunter22") {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

func TestIgnoreErrors(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, nil))
	s := open(t, Config{Logger: log}, `
    - {name: gone, type: state.redis, ignoreErrors: true, initTimeout: 50ms, metadata: [{name: redisHost, value: "`+nobody(t)+`"}]}
    - {name: here, type: state.in-memory}`)
	if s.State("gone") != nil || s.State("here") == nil {
		t.Error("not the component that does not open is left out")
	}
	if !strings.Contains(out.String(), "component=gone") || !strings.Contains(out.String(), "level=ERROR") {
		t.Errorf("the log does not say it: %s", &out)
	}
}

func TestAllErrorsAtOnce(t *testing.T) {
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	plan := meshtest.Plan(t, one(`
    - {name: a, type: state.embedded}
    - {name: b, type: state.mongodb}
    - {name: c, type: bindings.cron, metadata: [{name: schedule, value: often}]}
    - {name: d, type: state.in-memory, metadata: [{name: keyPrefix, value: "a||b"}]}
    - {name: e, type: secretstores.local.file, metadata: [{name: secretsFile, value: none.json}]}
    - {name: f, type: state.in-memory}`))
	_, err := Open(context.Background(), Config{Plan: plan, Dir: filepath.Join(blocked, "state"), Base: "/nowhere", Logger: slog.New(slog.DiscardHandler)})
	for _, want := range []string{`"a" (state.embedded)`, `"b" (state.mongodb)`, "state.redis", `"c" (bindings.cron)`, "often", `"d"`, "a||b", `"e"`, "/nowhere/none.json"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

// slow is a state store whose Init looks at nothing until it is let go.
type slow struct {
	state.Store
	let    chan struct{}
	closed chan struct{}
}

func (s *slow) Init(context.Context, state.Metadata) error { <-s.let; return nil }
func (s *slow) Close() error                               { close(s.closed); return nil }

func TestInitThatIgnoresItsContext(t *testing.T) {
	store := &slow{let: make(chan struct{}), closed: make(chan struct{})}
	s := &starter{
		driver: &driver{types: names("state.slow"), new: func(host) part { return part{state: store} }},
		log:    slog.New(slog.DiscardHandler),
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.start(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("start: %v", err)
	}
	close(store.let)
	<-store.closed // What opened too late is closed.
}

// flaky fails as a server that starts does, until it has been tried often
// enough.
type flaky struct {
	state.Store
	tries *int
}

func (f *flaky) Init(context.Context, state.Metadata) error {
	if *f.tries++; *f.tries < 3 {
		return errors.New("FATAL: the database system is starting up")
	}
	return nil
}
func (f *flaky) Close() error { return nil }

func TestTriedAgain(t *testing.T) {
	tries := 0
	s := &starter{
		driver: &driver{types: names("state.flaky"), new: func(host) part { return part{state: &flaky{tries: &tries}} }},
		log:    slog.New(slog.DiscardHandler),
	}
	if _, err := s.start(context.Background(), nil); err != nil || tries != 3 {
		t.Errorf("start: %v after %d tries", err, tries)
	}
}

type panics struct{ state.Store }

func (panics) Init(context.Context, state.Metadata) error { panic("nil map") }
func (panics) Close() error                               { panic("not open") }

func TestInitThatPanics(t *testing.T) {
	s := &starter{
		driver: &driver{types: names("state.panics"), new: func(host) part { return part{state: panics{}} }},
		log:    slog.New(slog.DiscardHandler),
	}
	if _, err := s.start(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "nil map") {
		t.Errorf("start: %v", err)
	}
}

func TestReuse(t *testing.T) {
	const components = `
    - {name: cache, type: state.in-memory}
    - {name: orders, type: state.embedded}
    - {name: events, type: pubsub.in-memory}
    - {name: tick, type: bindings.cron, metadata: [{name: schedule, value: "SCHEDULE"}]}`
	ctx, dir := context.Background(), t.TempDir()
	generation := func(schedule string, before *Set) *Set {
		s, err := Open(ctx, Config{Plan: meshtest.Plan(t, one(strings.ReplaceAll(components, "SCHEDULE", schedule))), Dir: dir, Reuse: before})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := generation("@every 1h", nil)
	if err := first.State("cache").Store.Set(ctx, &state.SetRequest{Key: "k", Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	second := generation("@every 2h", first)
	if first.State("cache").Store != second.State("cache").Store || first.State("orders").Store != second.State("orders").Store {
		t.Error("what has not changed is not shared")
	}
	if first.Input("tick").Binding == second.Input("tick").Binding {
		t.Error("what has changed is shared")
	}
	third := generation("@every 2h", second)
	// The first to go is the one in the middle, then the oldest.
	for _, s := range []*Set{second, first, first} {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	got, err := third.State("cache").Store.Get(ctx, &state.GetRequest{Key: "k"})
	if err != nil || string(got.Data) != "v" {
		t.Errorf("after the others closed: %s, %v", got.Data, err)
	}
	events := third.PubSub("events").Publisher()
	if err := third.Close(); err != nil {
		t.Fatal(err)
	}
	if err := events.Publish(ctx, &pubsub.PublishRequest{Topic: "t"}); err == nil {
		t.Error("a closed bus publishes")
	}
	// A set that is closed has nothing to share.
	fourth := generation("@every 2h", third)
	if err := fourth.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestDirections(t *testing.T) {
	for direction, want := range map[string][2]bool{
		"":              {true, true},
		"input":         {true, false},
		"Output":        {false, true},
		"input, output": {true, true},
	} {
		props := map[string]string{}
		if direction != "" {
			props["Direction"] = direction
		}
		if got := [2]bool{goes("input", props), goes("output", props)}; got != want {
			t.Errorf("direction %q: %v", direction, got)
		}
	}
}

// remote is a pub/sub component elsewhere, of which there are many instances.
type remote struct {
	pubsub.PubSub
	consumer string
	mu       sync.Mutex
	closed   int
}

func (r *remote) Init(_ context.Context, md pubsub.Metadata) error {
	r.consumer = md.Properties[consumerID]
	return nil
}

func (r *remote) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed++
	return nil
}

func (r *remote) closings() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

func TestConsumers(t *testing.T) {
	for name, c := range map[string]struct {
		reason string
		set    string
		unique bool
		want   string
	}{
		"app id":              {"Dapr's default", "", false, "app"},
		"set":                 {"metadata sets it for all", "ours", false, "ours"},
		"set, but of its own": {"no two connections may have one id", "ours", true, "ours-app"},
		"set to nothing":      {"spaces are no id", "  ", false, "app"},
	} {
		t.Run(name, func(t *testing.T) {
			props := map[string]string{}
			if c.set != "" {
				props["consumerid"] = c.set
			}
			got := withConsumer(&driver{uniqueConsumers: c.unique}, props, "app")
			if got[consumerID] != c.want || len(got) != 1 {
				t.Errorf("%s: %v", c.reason, got)
			}
		})
	}

	d := &driver{types: names("pubsub.remote"), new: func(host) part { return part{pubsub: &remote{}} }}
	s := &starter{driver: d, log: slog.New(slog.DiscardHandler)}
	p := newPubSub(Info{Name: "events"}, &instance{driver: d, connect: func(ctx context.Context, consumer string) (part, error) {
		return s.start(ctx, withConsumer(d, map[string]string{}, consumer))
	}})
	ctx := context.Background()
	take := func(name string) (*remote, func() error) {
		in, done, err := p.Consumer(ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		return in.(*remote), done
	}
	a1, doneA1 := take("a")
	a2, doneA2 := take("a")
	b, doneB := take("b")
	if a1 != a2 || a1 == b || a1.consumer != "a" || b.consumer != "b" {
		t.Errorf("instances: %v %v %v", a1.consumer, a2.consumer, b.consumer)
	}
	for range 2 { // The second call of a close does nothing.
		if err := doneA1(); err != nil {
			t.Fatal(err)
		}
	}
	if a1.closings() != 0 {
		t.Error("the instance is closed while it is in use")
	}
	if err := doneA2(); err != nil {
		t.Fatal(err)
	}
	if a1.closings() != 1 {
		t.Error("the instance is not closed with the last who used it")
	}
	p.closeConsumers()
	if err := doneB(); err != nil || b.closings() != 1 {
		t.Errorf("closed %d times, %v", b.closings(), err)
	}
	if _, _, err := p.Consumer(ctx, "a"); err == nil {
		t.Error("a closed component gives consumers")
	}
}

func TestLogs(t *testing.T) {
	var out bytes.Buffer
	var l logger.Logger = &bridge{
		log:   slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})),
		clean: newRedactor(map[string]string{"connectionString": "host=h password='hunter 22' user=u", "url": "amqp://u:p%40ss@h"}, []string{"s3cret"}),
	}
	l = l.WithLogType("request").WithFields(map[string]any{"key": "s3cret"})
	l.Info("dialing amqp://u:p%40ss@h as p@ss\n")
	l.Warnf("password is %s", "hunter 22")
	l.Fatal("the end") // Does not end the process.
	got := out.String()
	for _, want := range []string{`level=DEBUG msg="dialing amqp://u:***@h as ***"`, `level=WARN msg="password is ***"`, `level=ERROR msg="the end"`, "key=***"} {
		if !strings.Contains(got, want) {
			t.Errorf("the log lacks %s:\n%s", want, got)
		}
	}
	if !l.IsOutputLevelEnabled(logger.InfoLevel) {
		t.Error("info is not enabled, though debug is")
	}
}

func TestRedactedErrorsStayWhatTheyAre(t *testing.T) {
	err := newRedactor(nil, []string{"hunter22"}).err(errors.Join(context.DeadlineExceeded, errors.New("hunter22 is wrong")))
	if strings.Contains(err.Error(), "hunter22") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// TestRegistry opens nothing, but makes each component, and has each say that
// what it requires is missing.
func TestRegistry(t *testing.T) {
	for i := range registry {
		d := &registry[i]
		t.Run(d.name()+" "+d.versionName(), func(t *testing.T) {
			p := d.new(host{name: "x", dir: t.TempDir(), log: &bridge{log: slog.New(slog.DiscardHandler)}})
			if p.component() == nil {
				t.Fatal("nothing was made")
			}
			if _, tells := p.component().(interface {
				GetComponentMetadata() contribmetadata.MetadataMap
			}); !tells {
				t.Error("it does not tell of its metadata")
			}
			if (d.kind() == "bindings") != (p.in != nil || p.out != nil) {
				t.Error("its kind is not that of its type")
			}
			// bindings.http misses its url only when it is invoked.
			if len(d.required) > 0 && d.server == nil && d.name() != "bindings.http" {
				if err := p.init(t.Context(), contribmetadata.Base{Properties: map[string]string{}}); err == nil {
					t.Errorf("it opens without %v", d.required)
				}
			}
			var _ bindings.InputBinding = p.in
		})
	}
}

func TestClosedStore(t *testing.T) {
	s := open(t, Config{}, "\n    - {name: orders, type: state.embedded}")
	store := s.State("orders").Store
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Get(t.Context(), &state.GetRequest{Key: "k"}); err == nil || !strings.Contains(err.Error(), "state store orders is closed") {
		t.Errorf("Get: %v", err)
	}
}

func TestStartEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	addr := nobody(t)
	plan := meshtest.Plan(t, one(`
    - {name: x, type: state.redis, initTimeout: 1h, metadata: [{name: redisHost, value: "`+addr+`"}]}`))
	failed := make(chan error)
	go func() {
		_, err := Open(ctx, Config{Plan: plan, Logger: slog.New(slog.DiscardHandler)})
		failed <- err
	}()
	cancel()
	select {
	case err := <-failed:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Open: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Open does not end")
	}
}
