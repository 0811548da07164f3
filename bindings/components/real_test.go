package components

import (
	"fmt"
	"maps"
	"os"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/dapr/components-contrib/bindings"
	conformancebindings "github.com/dapr/components-contrib/tests/conformance/bindings"

	"github.com/weftmesh/weft/internal/realtest"
)

// real gives the address of a server.
func real(t *testing.T, variable string) string {
	t.Helper()
	return realtest.Need(t, variable, realtest.Servers)
}

// unique keeps what a run leaves on a server apart from other runs.
func unique() string { return fmt.Sprintf("weft%d", time.Now().UnixNano()) }

func redisProps(t *testing.T) map[string]string {
	return map[string]string{"redisHost": real(t, "WEFT_TEST_REDIS"), "redisPassword": os.Getenv("WEFT_TEST_REDIS_PASSWORD")}
}

func TestRealState(t *testing.T) {
	common := []string{"transaction", "etag", "first-write", "ttl"}
	for name, with := range map[string]struct {
		typ, version string
		operations   []string
		props        func(*testing.T) map[string]string
		config       map[string]any
	}{
		"redis": {typ: "state.redis", version: "v1", operations: append([]string{"keyslike"}, common...), props: redisProps,
			// Its etags are numbers.
			config: map[string]any{"badEtag": "9999999"}},
		"postgresql v1": {typ: "state.postgresql", version: "v1", operations: append([]string{"query", "keyslike"}, common...),
			props: postgresProps("v1"), config: map[string]any{"badEtag": "1"}},
		"postgresql v2": {typ: "state.postgresql", version: "v2", operations: append([]string{"keyslike"}, common...),
			props: postgresProps("v2"), config: map[string]any{"badEtag": "e9b9e142-74b1-4a2e-8e90-3f4ffeea2e70"}},
	} {
		t.Run(name, func(t *testing.T) {
			props := with.props(t)
			t.Parallel()
			stateSuite(t, with.typ, with.version, with.operations, props, with.config)
		})
	}
}

func postgresProps(version string) func(*testing.T) map[string]string {
	return func(t *testing.T) map[string]string {
		table := unique()
		props := map[string]string{"connectionString": real(t, "WEFT_TEST_POSTGRES")}
		if version == "v1" {
			return with(props, "tableName", table, "metadataTableName", table+"meta")
		}
		return with(props, "tablePrefix", table+"_", "metadataTableName", table+"meta")
	}
}

func with(props map[string]string, more ...string) map[string]string {
	props = maps.Clone(props)
	for i := 0; i < len(more); i += 2 {
		props[more[i]] = more[i+1]
	}
	return props
}

// natsServerFor starts a NATS server with JetStream in the test.
func natsServerFor(t *testing.T, o *server.Options) *server.Server {
	t.Helper()
	o.Host, o.JetStream, o.StoreDir, o.NoLog, o.NoSigs = "127.0.0.1", true, t.TempDir(), true, true
	if o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the NATS server did not start")
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	return s
}

func TestRealBindings(t *testing.T) {
	operations := []string{"operations", string(bindings.CreateOperation), "read"}
	for name, with := range map[string]struct {
		typ   string
		props func(*testing.T) map[string]string
	}{
		"rabbitmq": {typ: "bindings.rabbitmq", props: func(t *testing.T) map[string]string {
			return map[string]string{"host": real(t, "WEFT_TEST_RABBITMQ"), "queueName": unique(), "durable": "true", "deleteWhenUnused": "false"}
		}},
		"mqtt3": {typ: "bindings.mqtt3", props: func(t *testing.T) map[string]string {
			return map[string]string{"url": real(t, "WEFT_TEST_MQTT"), "topic": unique(), consumerID: unique(), "qos": "1"}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			props := with.props(t)
			cfg, err := conformancebindings.NewTestConfig(name, operations, map[string]any{"readBindingWait": time.Second})
			if err != nil {
				t.Fatal(err)
			}
			// The suite opens what takes and what gives by itself, and an object
			// opens once.
			in, out := made(t, with.typ, "v1").in, made(t, with.typ, "v1").out
			conformancebindings.ConformanceTests(t, props, in, out, cfg)
		})
	}
}
