//go:build !race

package components

// The suite for pub/sub has a data race of its own: handler and test take from
// one map, and only the handler with a lock. It is left out where the race
// detector would stop it; bus_test.go and stream_test.go stand in there.

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	conformancepubsub "github.com/dapr/components-contrib/tests/conformance/pubsub"
)

// pubSubSuite runs the suite with an instance as the registry makes it. Where
// the last message is one that it answers with an error, it waits for maxRead.
func pubSubSuite(t *testing.T, typ string, props map[string]string, maxRead time.Duration, inOrder bool) {
	t.Helper()
	cfg, err := conformancepubsub.NewTestConfig(typ, nil, map[string]any{
		"checkInOrderProcessing": inOrder, "maxReadDuration": maxRead, "waitDurationToPublish": time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	conformancepubsub.ConformanceTests(t, props, made(t, typ, "v1").pubsub, cfg)
}

func TestConformancePubSub(t *testing.T) {
	t.Parallel()
	pubSubSuite(t, "pubsub.in-memory", nil, 6*time.Second, true)
}

func TestConformanceJetStream(t *testing.T) {
	t.Parallel()
	pubSubSuite(t, "pubsub.jetstream", jetStreamProps(t, natsServerFor(t, &server.Options{}).ClientURL()), 8*time.Second, true)
}

func TestRealPubSub(t *testing.T) {
	for name, with := range map[string]struct {
		typ     string
		props   func(*testing.T) map[string]string
		inOrder bool
	}{
		"redis": {typ: "pubsub.redis", props: func(t *testing.T) map[string]string {
			return with(redisProps(t), consumerID, unique(), "processingTimeout", "5s", "redeliverInterval", "1s", "concurrency", "1")
		}},
		"rabbitmq": {typ: "pubsub.rabbitmq", props: func(t *testing.T) map[string]string {
			return map[string]string{
				"connectionString": real(t, "WEFT_TEST_RABBITMQ"), consumerID: unique(), "concurrency": "single", "reconnectWaitSeconds": "0",
				"durable": "true", "deletedWhenUnused": "false", "deliveryMode": "2", "requeueInFailure": "true", "publisherConfirm": "true",
			}
		}},
		"mqtt3": {typ: "pubsub.mqtt3", inOrder: true, props: func(t *testing.T) map[string]string {
			return map[string]string{"url": real(t, "WEFT_TEST_MQTT"), consumerID: unique(), "qos": "1", "cleanSession": "false"}
		}},
		"jetstream": {typ: "pubsub.jetstream", inOrder: true, props: func(t *testing.T) map[string]string {
			return jetStreamProps(t, real(t, "WEFT_TEST_NATS"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			props := with.props(t)
			t.Parallel()
			pubSubSuite(t, with.typ, props, 20*time.Second, with.inOrder)
		})
	}
}

// jetStreamProps makes a stream for the topics of the suite.
func jetStreamProps(t *testing.T, url string) map[string]string {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	name := "CONFORMANCE"
	_, err = js.CreateOrUpdateStream(context.Background(), jetstream.StreamConfig{Name: name, Subjects: []string{"testTopic", "multiTopic1", "multiTopic2"}})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"natsURL": url, "name": "conformance", consumerID: unique(), "deliverPolicy": "new"}
}
