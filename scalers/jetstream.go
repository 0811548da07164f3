package scalers

import (
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
)

const (
	// monitoringPort is where nats-server serves /jsz by convention
	// (https://docs.nats.io/running-a-nats-service/nats_admin/monitoring).
	monitoringPort = "8222"
	// globalAccount is that of a server that has no others.
	globalAccount = "$G"

	// SettingMonitoring and SettingAccount are settings of pubsub.jetstream that
	// only Weft reads: where the monitoring endpoint is, as HOST:PORT or with
	// https:// before it, and the account of the streams.
	SettingMonitoring = "natsServerMonitoringEndpoint"
	SettingAccount    = "natsAccount"
)

// jetstream gives KEDA's nats-jetstream trigger. Its value is num_pending +
// num_ack_pending of the consumer, which must exist before KEDA looks.
func jetstream(c v1beta1.Component, q Queue) (Derived, error) {
	s := settingsOf(c)
	s.monitoring()
	switch {
	case s.either("account", SettingAccount):
	case s.has("jwt", "seedKey"):
		s.fail("its credentials are those of an account whose name they do not tell", "add the metadata "+SettingAccount)
	default:
		s.metadata["account"] = globalAccount
	}
	s.metadata["stream"], s.metadata["consumer"] = q.Stream, q.Consumer
	s.metadata["lagThreshold"] = strconv.Itoa(q.Target)
	s.metadata["activationLagThreshold"] = strconv.Itoa(q.Activation)
	return s.derived("nats-jetstream")
}

// monitoring finds the endpoint that KEDA asks.
func (s *settings) monitoring() {
	const add = "add the metadata " + SettingMonitoring + ", as HOST:8222"
	if s.either(SettingMonitoring, SettingMonitoring) {
		if host, https := strings.CutPrefix(s.metadata[SettingMonitoring], "https://"); https {
			s.metadata[SettingMonitoring], s.metadata["useHttps"] = host, "true"
		}
		s.metadata[SettingMonitoring] = strings.TrimSuffix(strings.TrimPrefix(s.metadata[SettingMonitoring], "http://"), "/")
		if s.metadata[SettingMonitoring] == "" {
			delete(s.metadata, SettingMonitoring) // it is in a Secret
		}
		return
	}
	m, _ := s.find("natsURL")
	if m.Value == "" {
		s.fail("natsURL is no plain value, so the server's monitoring endpoint cannot be told from it", add)
		return
	}
	if s.has("domain", "apiPrefix") {
		s.fail("its streams are in another domain than the server of natsURL", add+" of a server of that domain")
		return
	}
	first, _, _ := strings.Cut(m.Value, ",")
	if first = strings.TrimSpace(first); !strings.Contains(first, "://") {
		first = "nats://" + first
	}
	u, err := url.Parse(first)
	if err != nil || u.Hostname() == "" {
		s.fail("natsURL names no host that KEDA could ask", "set natsURL to nats://HOST:PORT")
		return
	}
	s.metadata[SettingMonitoring] = net.JoinHostPort(u.Hostname(), monitoringPort)
}
