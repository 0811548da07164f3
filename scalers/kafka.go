package scalers

import (
	"strconv"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
)

// kafka gives KEDA's apache kafka trigger. A group that has not committed yet
// begins at the oldest message, as the links' consumers do.
func kafka(c v1beta1.Component, q Queue) (Derived, error) {
	s := settingsOf(c)
	s.metadata["bootstrapServers"] = s.plain("brokers")
	if s.metadata["bootstrapServers"] == "" {
		s.fail("it has no brokers", "set brokers to HOST:PORT, several with commas between them")
	}
	s.metadata["consumerGroup"], s.metadata["topic"] = q.Group, q.Topic
	s.metadata["lagThreshold"] = strconv.Itoa(q.Target)
	s.metadata["activationLagThreshold"] = strconv.Itoa(q.Activation)
	s.metadata["offsetResetPolicy"] = "earliest"
	if v := s.plain("version"); v != "" {
		s.metadata["version"] = v
	}
	s.kafkaAuth()
	return s.derived("kafka")
}

// kafkaAuth hands on how the component authenticates. TLS is on wherever there
// is authentication, unless disableTls is set (components-contrib's rule).
func (s *settings) kafkaAuth() {
	kind := strings.ToLower(s.plain("authType"))
	if kind == "" && s.is("authRequired") {
		kind = "password"
		if !s.has("saslPassword") {
			kind = "mtls"
		}
	}
	switch kind {
	case "", "none":
		return
	case "password":
		s.saslPassword()
	case "oidc":
		s.metadata["sasl"] = "oauthbearer"
		s.required("username", "oidcClientID")
		s.required("password", "oidcClientSecret")
		s.required("oauthTokenEndpointUri", "oidcTokenEndpoint")
		s.secret("scopes", "oidcScopes")
	case "mtls", "certificate":
		s.required("cert", "clientCert")
		s.required("key", "clientKey")
	default:
		s.fail("KEDA's kafka scaler does not know authType "+kind, ownScaler)
	}
	if s.is("disableTls") {
		return
	}
	s.metadata["tls"] = "enable"
	if s.is("skipVerify") {
		s.metadata["unsafeSsl"] = "true"
	}
	s.secret("ca", "caCert")
	if kind == "password" && s.has("clientCert") {
		s.secret("cert", "clientCert")
		s.secret("key", "clientKey")
	}
}

func (s *settings) saslPassword() {
	switch mechanism := strings.ToUpper(s.plain("saslMechanism")); mechanism {
	case "", "PLAIN":
		s.metadata["sasl"] = "plaintext"
	case "SHA-256", "SCRAM-SHA-256":
		s.metadata["sasl"] = "scram_sha256"
	case "SHA-512", "SCRAM-SHA-512":
		s.metadata["sasl"] = "scram_sha512"
	default:
		s.fail("KEDA's kafka scaler does not know saslMechanism "+mechanism, ownScaler)
	}
	s.required("username", "saslUsername")
	s.required("password", "saslPassword")
}

// required hands on a setting that must be there.
func (s *settings) required(parameter, name string) {
	if !s.secret(parameter, name) {
		s.fail("it has no "+name, "put it into a Secret, and refer to it by secretKeyRef")
	}
}
