package daprbroker_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	js "github.com/nats-io/nats.go/jetstream"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/bindings/daprbroker"
	"github.com/weftmesh/weft/bindings/jetstream"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
	"github.com/weftmesh/weft/mesh/delivery/brokertest"
)

// engine is what an engine has of a Broker on a component, in one.
type engine struct {
	delivery.Broker
	set   *components.Set
	local *jetstream.Server
}

func (e *engine) Close() error {
	return errors.Join(e.Broker.Close(), e.set.Close(), e.local.Close())
}

// component declares a pub/sub component.
type component struct {
	typ      string
	metadata map[string]string
}

// logTo takes logs: WEFT_TEST_LOG=1 shows them.
func logTo() *slog.Logger {
	if os.Getenv("WEFT_TEST_LOG") != "" {
		return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return slog.New(slog.NewTextHandler(io.Discard, nil))
}

// open starts an engine's brokers on a directory. Engines whose mesh has the
// same name share topics.
func open(ctx context.Context, dir, meshName string, c component, o brokertest.Options) (*engine, error) {
	e := &engine{}
	bus := v1beta1.Component{Name: "bus", Type: c.typ, Version: "v1"}
	for name, value := range c.metadata {
		bus.Metadata = append(bus.Metadata, v1beta1.ComponentMetadata{Name: name, Value: value})
	}
	var err error
	e.local, err = jetstream.Start(ctx, jetstream.Options{
		Dir: filepath.Join(dir, "jetstream"), Namespace: "default", Mesh: meshName, MaxBytes: o.MaxBytes, AckWait: o.AckWait, Logger: logTo(),
	})
	if err != nil {
		return nil, err
	}
	e.set, err = components.Open(ctx, components.Config{
		Plan: &mesh.Plan{
			Name: meshName, Namespace: "default", Broker: "bus", Components: map[string]v1beta1.Component{"bus": bus},
		},
		Dir: filepath.Join(dir, "components"), Base: dir, Logger: logTo(),
	})
	if err != nil {
		return nil, errors.Join(err, e.local.Close())
	}
	e.Broker, err = daprbroker.Open(ctx, daprbroker.Options{
		PubSub: e.set.PubSub("bus"), Local: e.local, Dir: dir, Namespace: "default", Mesh: meshName, Logger: logTo(),
	})
	if err != nil {
		return nil, errors.Join(err, e.set.Close(), e.local.Close())
	}
	return e, nil
}

// meshOf names a mesh after a directory, so that each test has topics of its
// own on a shared server.
func meshOf(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return "m" + hex.EncodeToString(sum[:6])
}

// suite of a component, which place makes ready.
func suite(c func(place string, o brokertest.Options) component) brokertest.Suite {
	return brokertest.Suite{
		Place: func(t *testing.T) string {
			place := t.TempDir()
			t.Cleanup(func() { removeStreams(c(place, brokertest.Options{}), meshOf(place)) })
			return place
		},
		Open: func(ctx context.Context, place string, o brokertest.Options) (delivery.Broker, error) {
			return open(ctx, place, meshOf(place), c(place, o), o)
		},
	}
}

// Suites by name, for the test binary as a child.
var suites = map[string]brokertest.Suite{
	"in-memory": suite(func(string, brokertest.Options) component { return component{typ: "pubsub.in-memory"} }),
	"jetstream": suite(func(place string, o brokertest.Options) component {
		if o.MaxBytes > 0 {
			boundStream(os.Getenv(envNATS), meshOf(place), o.MaxBytes)
		}
		return component{typ: "pubsub.jetstream", metadata: map[string]string{"natsURL": os.Getenv(envNATS)}}
	}),
	"redis":    real("redis", unbounded),
	"rabbitmq": real("rabbitmq", unbounded),
	"mqtt":     real("mqtt", unbounded),
	"nats":     real("nats", map[string]string{"RoundTrip/Big": "a NATS server takes 1 MiB by default, and the event is a little more"}),
}

const (
	// envSuite tells the test binary's child which suite it is in.
	envSuite = "WEFT_DAPRBROKER_SUITE"
	// envNATS is where the server of suite jetstream is.
	envNATS = "WEFT_DAPRBROKER_NATS"
)

func TestMain(m *testing.M) {
	takeChild()
	if s, ok := suites[os.Getenv(envSuite)]; ok {
		brokertest.Child(s)
	}
	os.Exit(m.Run())
}

func run(t *testing.T, name string) {
	t.Setenv(envSuite, name)
	brokertest.Run(t, suites[name])
}

func TestInMemory(t *testing.T) { run(t, "in-memory") }

func TestJetStream(t *testing.T) {
	t.Setenv(envNATS, natsServer(t, t.TempDir(), -1).ClientURL())
	run(t, "jetstream")
}

// natsServer runs a NATS server with JetStream on loopback.
func natsServer(t *testing.T, dir string, port int) *server.Server {
	t.Helper()
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, JetStream: true, StoreDir: dir, NoSigs: true, NoLog: true,
		MaxPayload: 8 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(30 * time.Second) {
		t.Fatal("NATS server does not get ready")
	}
	return srv
}

// boundStream makes a mesh's stream before the Broker does, with another bound.
func boundStream(url, meshName string, maxBytes int64) {
	nc, err := nats.Connect(url)
	if err != nil {
		panic(err)
	}
	defer nc.Close()
	api, err := js.New(nc)
	if err != nil {
		panic(err)
	}
	_, err = api.CreateOrUpdateStream(context.Background(), js.StreamConfig{
		Name: "LINKS-" + meshName, Subjects: []string{"weft.default." + meshName + ".>"},
		Retention: js.WorkQueuePolicy, Discard: js.DiscardNew, MaxBytes: maxBytes,
	})
	if err != nil {
		panic(err)
	}
}

// removeStreams removes a mesh's streams: a server reserves room for each.
func removeStreams(c component, meshName string) {
	nc, err := nats.Connect(c.metadata["natsURL"])
	if c.typ != "pubsub.jetstream" || err != nil {
		return
	}
	defer nc.Close()
	if api, err := js.New(nc); err == nil {
		_ = api.DeleteStream(context.Background(), "LINKS-"+meshName)
		_ = api.DeleteStream(context.Background(), "WEFT_LINKS_default_"+meshName)
	}
}
