package daprbroker_test

import (
	"os"
	"os/exec"
	"testing"

	"github.com/weftmesh/weft/internal/realtest"
	"github.com/weftmesh/weft/mesh/delivery/brokertest"
)

// Real servers, by the variables that say where they are.
var servers = map[string]struct {
	env       string
	component func(address string) component
}{
	"redis": {"WEFT_TEST_REDIS", func(address string) component {
		return component{"pubsub.redis", map[string]string{"redisHost": address, "redisPassword": os.Getenv("WEFT_TEST_REDIS_PASSWORD")}}
	}},
	"rabbitmq": {"WEFT_TEST_RABBITMQ", func(address string) component {
		return component{"pubsub.rabbitmq", map[string]string{"connectionString": address}}
	}},
	"mqtt": {"WEFT_TEST_MQTT", func(address string) component {
		return component{"pubsub.mqtt3", map[string]string{"url": address}}
	}},
	"nats": {"WEFT_TEST_NATS", func(address string) component {
		return component{"pubsub.jetstream", map[string]string{"natsURL": address}}
	}},
}

// unbounded brokers do not tell when a queue is full.
var unbounded = map[string]string{"Full": "the server does not say that a queue is full, or has no bound"}

// real is the suite over a real server.
func real(name string, waived map[string]string) brokertest.Suite {
	s := suite(func(place string, o brokertest.Options) component {
		server := servers[name]
		address := os.Getenv(server.env)
		if name == "nats" && o.MaxBytes > 0 {
			boundStream(address, meshOf(place), o.MaxBytes)
		}
		return server.component(address)
	})
	s.Waived = waived
	return s
}

// need gives the address of a real server.
func need(t *testing.T, name string) string {
	t.Helper()
	return realtest.Need(t, servers[name].env, realtest.Servers)
}

func TestRealRedis(t *testing.T)    { need(t, "redis"); run(t, "redis") }
func TestRealRabbitMQ(t *testing.T) { need(t, "rabbitmq"); run(t, "rabbitmq") }
func TestRealMQTT(t *testing.T)     { need(t, "mqtt"); run(t, "mqtt") }
func TestRealNATS(t *testing.T)     { need(t, "nats"); run(t, "nats") }

// TestRealShare, TestRealLeavesNothing and TestRealRestart are those of
// engines_test.go with each of the servers.
func TestRealShare(t *testing.T) {
	each(t, func(t *testing.T, _ string, c component) { enginesShare(t, c, meshOf(t.TempDir())) })
}

func TestRealLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, _ string, c component) { closeLeavesNothing(t, c, meshOf(t.TempDir())) })
}

// TestRealRestart kills the server in the middle, but for Mosquitto, which
// writes sessions down a while after it has confirmed: it is stopped.
func TestRealRestart(t *testing.T) {
	each(t, func(t *testing.T, name string, c component) {
		how := "crash"
		if name == "mqtt" {
			how = "restart"
		}
		restart := control(t, how, name)
		serverRestart(t, c, meshOf(t.TempDir()), restart)
	})
}

// control gives what does something to a server.
func control(t *testing.T, how, name string) func() {
	t.Helper()
	ctl := os.Getenv("WEFT_TEST_CTL")
	if ctl == "" {
		t.Fatal("WEFT_TEST_CTL does not name the program that restarts servers")
	}
	return func() {
		if out, err := exec.CommandContext(t.Context(), ctl, how, name).CombinedOutput(); err != nil {
			t.Fatalf("%s %s %s: %v\n%s", ctl, how, name, err, out)
		}
	}
}

func each(t *testing.T, test func(t *testing.T, name string, c component)) {
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			c := server.component(need(t, name))
			test(t, name, c)
		})
	}
}
