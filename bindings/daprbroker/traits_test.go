package daprbroker

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh/delivery"
)

func TestApply(t *testing.T) {
	settings := []setting{
		{name: "durable", value: "true", must: true}, {name: "prefetch", value: "32"}, {name: "backOff", must: true},
	}
	cases := map[string]struct {
		reason      string
		given, want map[string]string
		overruled   []string
	}{
		"Nothing":   {"defaults", map[string]string{}, map[string]string{"durable": "true", "prefetch": "32"}, nil},
		"Default":   {"a default gives way, in any case of letters", map[string]string{"PREFETCH": "1"}, map[string]string{"durable": "true", "PREFETCH": "1"}, nil},
		"Overruled": {"what loses events does not", map[string]string{"Durable": "false", "x": "y"}, map[string]string{"durable": "true", "prefetch": "32", "x": "y"}, []string{"durable"}},
		"Same":      {"what says the same is not told", map[string]string{"Durable": "TRUE"}, map[string]string{"durable": "true", "prefetch": "32"}, nil},
		"Removed":   {"some must not be set", map[string]string{"backoff": "1s"}, map[string]string{"durable": "true", "prefetch": "32"}, []string{"backOff"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			overruled := apply(tc.given, settings)
			if diff := cmp.Diff(tc.want, tc.given); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.overruled, overruled); diff != "" {
				t.Errorf("%s: overruled: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	for _, typ := range []string{
		"pubsub.in-memory", "pubsub.jetstream", "pubsub.redis", "pubsub.rabbitmq", "pubsub.kafka", "pubsub.mqtt3", "pubsub.mqtt", "PubSub.Redis", "pubsub.pulsar",
	} {
		if n := len(Limits(typ)); n == 0 || n > 4 {
			t.Errorf("%s has %d limits; none keeps all, and each start prints them", typ, n)
		}
	}
	Limits("pubsub.redis")[0] = ""
	if Limits("pubsub.redis")[0] == "" {
		t.Error("a caller changes the limits of all")
	}
	if diff := cmp.Diff(Limits("pubsub.redis"), Limits("PUBSUB.REDIS")); diff != "" {
		t.Error("types are read in any case")
	}
}

func TestMeaning(t *testing.T) {
	cases := map[string]struct {
		reason, text string
		want         error
	}{
		"NATS":      {"the server's payload", "nats: maximum payload exceeded", delivery.ErrTooLarge},
		"Kafka":     {"the broker's bound", "kafka server: Message was too large, server rejected it to avoid allocation error", delivery.ErrTooLarge},
		"KafkaOwn":  {"the client's bound", "kafka: invalid configuration (Attempt to produce message larger than configured Producer.MaxMessageBytes: 1100 > 1000)", delivery.ErrTooLarge},
		"JetStream": {"a stream at its bound", "nats: maximum bytes exceeded", delivery.ErrQueueFull},
		"Redis":     {"a server at its bound", "redis streams: error from publish: OOM command not allowed when used memory > 'maxmemory'.", delivery.ErrQueueFull},
		"Other":     {"all else may pass", "dial tcp: connection refused", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := meaning(fmt.Errorf("x: %w", errors.New(tc.text))); got != tc.want {
				t.Errorf("%s: %q means %v, want %v", tc.reason, tc.text, got, tc.want)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	const subject = "weft.ns.shop.*"
	for have, want := range map[string]bool{
		"weft.ns.shop.*": true, "weft.ns.shop.>": true, "weft.>": true, ">": true, "weft.*.*.*": true,
		"weft.ns.shop.q": false, "weft.ns.other.*": false, "weft.ns.shop": false, "weft.ns.shop.*.*": false, "weft.ns.shop.*.>": false,
	} {
		if got := covers(have, subject); got != want {
			t.Errorf("covers(%q) = %v", have, got)
		}
	}
}

func TestSeen(t *testing.T) {
	var s seen
	for i := range 3 * seenMost {
		s.add(fmt.Sprint(i))
		s.add(fmt.Sprint(i))
	}
	if len(s.known) != seenMost || len(s.order) != seenMost {
		t.Errorf("%d known, %d in order, want %d", len(s.known), len(s.order), seenMost)
	}
	if last := fmt.Sprint(3*seenMost - 1); !s.has(last) || s.has("0") {
		t.Error("the latest are known, the oldest are not")
	}
}
