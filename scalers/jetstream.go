package scalers

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	kedav1alpha1 "github.com/kedacore/keda/v2/apis/keda/v1alpha1"

	"github.com/weftmesh/weft/api/v1beta1"
)

// monitoringPort is where nats-server serves /jsz by convention
// (https://docs.nats.io/running-a-nats-service/nats_admin/monitoring).
const monitoringPort = "8222"

// jetstream gives KEDA's nats-jetstream trigger. Its value is num_pending +
// num_ack_pending of the consumer, which must exist before KEDA looks.
func jetstream(c v1beta1.Component, q Queue) (Derived, error) {
	servers := metadata(c, "natsURL")
	first, _, _ := strings.Cut(servers, ",")
	u, err := url.Parse(strings.TrimSpace(first))
	if err != nil || u.Hostname() == "" {
		return Derived{}, &UnderivableError{Component: c.Name, Type: c.Type, Reason: "natsURL names no host that KEDA could ask",
			Add: "set natsURL to nats://HOST:PORT"}
	}
	return Derived{Trigger: kedav1alpha1.ScaleTriggers{
		Type: "nats-jetstream",
		Metadata: map[string]string{
			"natsServerMonitoringEndpoint": net.JoinHostPort(u.Hostname(), monitoringPort),
			"account":                      "$G",
			"stream":                       q.Stream,
			"consumer":                     q.Consumer,
			"lagThreshold":                 strconv.Itoa(q.Target),
		},
	}}, nil
}

// metadata is the value of a component's setting; Dapr takes their names in any
// case.
func metadata(c v1beta1.Component, name string) string {
	for _, m := range c.Metadata {
		if strings.EqualFold(m.Name, name) {
			return m.Value
		}
	}
	return ""
}
