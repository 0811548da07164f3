package components

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	kitmd "github.com/dapr/kit/metadata"
)

var errNoURL = errors.New("it is no URL with a host")

// address is where a server should answer: a network and an address as
// net.Dial takes them.
type address struct{ network, addr string }

func (a address) String() string { return a.addr }

func tcp(hostport, port string) address {
	if _, _, err := net.SplitHostPort(hostport); err != nil {
		hostport = net.JoinHostPort(strings.Trim(hostport, "[]"), port)
	}
	return address{"tcp", hostport}
}

// get gives the first of the names that is in the metadata, in any case.
func get(props map[string]string, names ...string) string {
	v, _ := kitmd.GetMetadataProperty(props, names...)
	return v
}

// redisServer reads redisHost: one address or several with commas between
// them (cluster and sentinel), with redisPort or 6379 for those without one.
func redisServer(props map[string]string) ([]address, error) {
	port := get(props, "redisPort")
	if port == "" || port == "0" {
		port = "6379"
	}
	return list(get(props, "redisHost"), port), nil
}

// kafkaServer reads brokers.
func kafkaServer(props map[string]string) ([]address, error) {
	return list(get(props, "brokers"), "9092"), nil
}

func list(hosts, port string) []address {
	var out []address
	for h := range strings.SplitSeq(hosts, ",") {
		if h = strings.TrimSpace(h); h != "" {
			out = append(out, tcp(h, port))
		}
	}
	return out
}

// natsServer reads natsURL: one URL or several with commas between them.
func natsServer(props map[string]string) ([]address, error) {
	return urls("natsURL", get(props, "natsURL"), "4222")
}

// mqttServer reads url.
func mqttServer(props map[string]string) ([]address, error) {
	return urls("url", get(props, "url"), "1883")
}

// rabbitmqServer reads connectionString or host of pubsub.rabbitmq, which are
// URLs, or its hostname with protocol; host of bindings.rabbitmq.
func rabbitmqServer(props map[string]string) ([]address, error) {
	if hostname := get(props, "hostname"); hostname != "" {
		return []address{tcp(hostname, "5672")}, nil
	}
	return urls("connectionString", get(props, "connectionString", "host"), "5672")
}

func urls(name, text, port string) ([]address, error) {
	var out []address
	for s := range strings.SplitSeq(text, ",") {
		s = strings.TrimSpace(s)
		if s == "" {
			continue
		}
		if !strings.Contains(s, "://") {
			s = "tcp://" + s
		}
		u, err := url.Parse(s)
		if err != nil || u.Host == "" {
			// What url.Parse says holds the URL, and so the password.
			return nil, fmt.Errorf("metadata %s: %w", name, errNoURL)
		}
		p := port
		switch u.Scheme {
		case "amqps":
			p = "5671"
		case "mqtts", "ssl", "tls", "tcps":
			p = "8883"
		}
		out = append(out, tcp(u.Host, p))
	}
	return out, nil
}

// postgresServer reads connectionString as pgx does: a URL or key=value, the
// single fields over it.
func postgresServer(props map[string]string) ([]address, error) {
	cfg, err := pgx.ParseConfig(get(props, "connectionString", "url"))
	if err != nil {
		// pgx says what it could not read, and so perhaps the password.
		return nil, fmt.Errorf("the connection string is neither a URL nor key=value pairs of PostgreSQL")
	}
	host, port := cfg.Host, cfg.Port
	if h := get(props, "host"); h != "" {
		host = h
	}
	if h := get(props, "hostaddr"); h != "" {
		host = h
	}
	if p, err := strconv.ParseUint(get(props, "port"), 10, 16); err == nil {
		port = uint16(p)
	}
	out := []address{postgresAddress(host, port)}
	for _, f := range cfg.Fallbacks {
		if a := postgresAddress(f.Host, f.Port); a != out[len(out)-1] {
			out = append(out, a)
		}
	}
	return out, nil
}

func postgresAddress(host string, port uint16) address {
	if strings.HasPrefix(host, "/") {
		return address{"unix", fmt.Sprintf("%s/.s.PGSQL.%d", host, port)}
	}
	return tcp(host, strconv.Itoa(int(port)))
}
