package scalers

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
)

// rabbitmq gives KEDA's rabbitmq trigger, over AMQP: it needs no management
// plugin. The queue's name is the component's: <consumerID>-<topic>.
func rabbitmq(c v1beta1.Component, q Queue) (Derived, error) {
	s := settingsOf(c)
	s.metadata["protocol"], s.metadata["mode"] = "amqp", "QueueLength"
	s.metadata["queueName"] = q.Group + "-" + q.Topic
	s.metadata["value"] = strconv.Itoa(q.Target)
	s.metadata["activationValue"] = strconv.Itoa(q.Activation)
	if connection, ok := s.find("connectionString", "host"); ok {
		s.connectionString(connection)
	} else {
		s.hostname()
	}
	if s.has("caCert", "clientCert", "clientKey") {
		s.fail("it has certificates, and KEDA takes that there is TLS (tls: enable) from nowhere but a Secret", ownScaler)
	}
	return s.derived("rabbitmq")
}

// connectionString hands on an address that may hold a password: as it is only
// if it does not.
func (s *settings) connectionString(m v1beta1.ComponentMetadata) {
	u, err := url.Parse(m.Value)
	switch {
	case m.Value == "":
	case strings.Contains(m.Value, "@"):
		s.fail(m.Name+" is written out, and holds a password", "put it into a Secret, and refer to it by secretKeyRef")
	case err != nil || u.Scheme != "amqp" && u.Scheme != "amqps" || u.Hostname() == "":
		s.fail(m.Name+" is no address of AMQP", "write it as amqp://HOST:5672")
	}
	s.either("host", m.Name)
}

// hostname puts the address together from its parts.
func (s *settings) hostname() {
	scheme, host := s.plain("protocol"), s.plain("hostname")
	if host == "" {
		s.fail("it has no connectionString and no hostname", "set one of them")
		return
	}
	if scheme == "" {
		scheme = "amqp"
	}
	if strings.Contains(host, "@") {
		s.fail("hostname holds more than a host", "set username and password, by secretKeyRef")
	}
	s.metadata["host"] = scheme + "://" + host
	if s.secret("username", "username") != s.secret("password", "password") {
		s.fail("it has only one of username and password", "set both, or none")
	}
}
