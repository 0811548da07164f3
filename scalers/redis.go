package scalers

import (
	"net"
	"strconv"
	"strings"

	"github.com/weftmesh/weft/api/v1beta1"
)

const redisPort = "6379"

// redis gives KEDA's redis-streams trigger, or those for a cluster and for
// sentinels.
//
// It asks for the group's lag (lagCount), which Redis knows from version 7 on:
// without it KEDA counts only what was delivered and not acknowledged, which is
// nothing as long as nobody runs, so that a function at zero would never wake.
func redis(c v1beta1.Component, q Queue) (Derived, error) {
	s := settingsOf(c)
	trigger, address := "redis-streams", "address"
	switch {
	case s.is("failover"):
		trigger, address = "redis-sentinel-streams", "addresses"
		if !s.either("sentinelMaster", "sentinelMasterName") {
			s.fail("it has no sentinelMasterName", "name the master that the sentinels watch")
		}
		s.either("sentinelUsername", "sentinelUsername")
		s.secret("sentinelPassword", "sentinelPassword")
	case strings.EqualFold(s.plain("redisType"), "cluster"):
		trigger, address = "redis-cluster-streams", "addresses"
	}
	if !s.either(address, "redisHost") {
		s.fail("it has no redisHost", "set redisHost to HOST:PORT")
	}
	if hosts := s.metadata[address]; hosts != "" {
		s.metadata[address] = withPort(hosts, s.plain("redisPort"))
	}
	if s.is("useEntraID") || s.is("useAzureAD") {
		s.fail("KEDA does not know Entra ID for Redis", ownScaler)
	}
	s.either("username", "redisUsername")
	s.secret("password", "redisPassword")
	if db := s.plain("redisDB"); db != "" {
		s.metadata["databaseIndex"] = db
	}
	if s.is("enableTLS") {
		s.metadata["enableTLS"] = "true"
		if s.is("insecureSkipTLSVerify") {
			s.metadata["unsafeSsl"] = "true"
		}
		s.secret("cert", "clientCert")
		s.secret("key", "clientKey")
	}
	s.metadata["stream"], s.metadata["consumerGroup"] = q.Topic, q.Group
	s.metadata["lagCount"] = strconv.Itoa(q.Target)
	s.metadata["activationLagCount"] = strconv.Itoa(q.Activation)
	return s.derived(trigger)
}

// withPort gives each of several hosts a port where it has none.
func withPort(hosts, port string) string {
	if port == "" {
		port = redisPort
	}
	list := strings.Split(hosts, ",")
	for i, host := range list {
		host = strings.TrimSpace(host)
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
		list[i] = host
	}
	return strings.Join(list, ",")
}
