package daprbroker

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/mesh"
)

func TestRemains(t *testing.T) {
	id := idOf("/srv/shop/.weft")
	cases := map[string]struct {
		reason, typ string
		metadata    []v1beta1.ComponentMetadata
		want        []string
	}{
		"None":     {"the embedded broker has no server", "", nil, nil},
		"InMemory": {"a component without a server leaves nothing", "pubsub.in-memory", nil, nil},
		"JetStream": {"the stream that is made", "pubsub.jetstream", nil, []string{
			"the stream WEFT_LINKS_default_shop, or another with the subjects weft.default.shop.*, and in it the consumers weft_default_shop_pay, weft_default_shop_ship (nats stream rm, or nats consumer rm)",
		}},
		"Named": {"the stream that the metadata names", "PubSub.JetStream", []v1beta1.ComponentMetadata{{Name: "streamname", Value: "LINKS"}}, []string{
			"the stream LINKS, or another with the subjects weft.default.shop.*, and in it the consumers weft_default_shop_pay, weft_default_shop_ship (nats stream rm, or nats consumer rm)",
		}},
		"Redis": {"a stream for each queue", "pubsub.redis", nil, []string{
			"the streams weft.default.shop.pay, weft.default.shop.ship with their consumer groups (redis-cli del)",
		}},
		"RabbitMQ": {"a queue has a name of the component's", "pubsub.rabbitmq", nil, []string{
			"the queues weft_default_shop_pay-weft.default.shop.pay, weft_default_shop_ship-weft.default.shop.ship (rabbitmqctl delete_queue)",
			"the exchanges weft.default.shop.pay, weft.default.shop.ship (rabbitmqadmin delete exchange)",
		}},
		"Kafka": {"topics and groups", "pubsub.kafka", nil, []string{
			"the topics weft.default.shop.pay, weft.default.shop.ship (kafka-topics --delete)",
			"the consumer groups weft_default_shop_pay, weft_default_shop_ship (kafka-consumer-groups --delete)",
		}},
		"MQTT": {"this engine's sessions, and what others' are called", "pubsub.mqtt3", nil, []string{
			"the sessions of the clients weft_default_shop_pay_" + id + ", weft_default_shop_ship_" + id +
				", and those of other engines, which end in another word than " + id + " (connect once with the client id and a clean session)",
		}},
		"Other": {"what is known of a type that is not", "pubsub.pulsar", nil, []string{
			"what the component made for the topics weft.default.shop.pay, weft.default.shop.ship and the consumers weft_default_shop_pay, weft_default_shop_ship",
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			in := []*mesh.Link{{}}
			plan := &mesh.Plan{Name: "shop", Namespace: "default", Functions: []*mesh.Function{
				{Name: "ship", KubeName: "ship", In: in}, {Name: "pay", KubeName: "pay", In: in}, {Name: "alone", KubeName: "alone"},
			}}
			if tc.typ != "" {
				plan.Broker = "bus"
				plan.Components = map[string]v1beta1.Component{"bus": {Name: "bus", Type: tc.typ, Metadata: tc.metadata}}
			}
			if diff := cmp.Diff(tc.want, Remains(plan, "/srv/shop/.weft")); diff != "" {
				t.Errorf("%s: -want +got\n%s", tc.reason, diff)
			}
		})
	}
}
