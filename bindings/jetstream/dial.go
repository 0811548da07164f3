package jetstream

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

// reconnectWait is the pause between attempts to reach a server that was lost.
const reconnectWait = time.Second

// Dial connects to the server that a pubsub.jetstream component names, by the
// metadata that Dapr's component takes for it: natsURL, jwt and seedKey, or
// tls_client_cert and tls_client_key, or token. Names count in any case. A
// connection that breaks is made again until it is closed.
//
// name is what the server shows for the connection. Errors hold no secret.
func Dial(metadata map[string]string, name string, log *slog.Logger) (*nats.Conn, error) {
	get := func(key string) string {
		for _, k := range slices.Sorted(maps.Keys(metadata)) {
			if strings.EqualFold(k, key) {
				return metadata[k]
			}
		}
		return ""
	}
	servers := get("natsURL")
	if servers == "" {
		return nil, errors.New("natsURL is missing: set it to nats://HOST:PORT")
	}
	opts := []nats.Option{
		nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait), nats.RetryOnFailedConnect(false),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				log.Warn("the connection to NATS broke; it is made again", "server", shown(servers), "error", err.Error())
			}
		}),
		nats.ReconnectHandler(func(*nats.Conn) { log.Info("connected to NATS again", "server", shown(servers)) }),
	}
	jwt, seed, token, cert, key := get("jwt"), get("seedKey"), get("token"), get("tls_client_cert"), get("tls_client_key")
	switch {
	case jwt != "" && seed == "":
		return nil, errors.New("jwt needs seedKey beside it")
	case jwt != "":
		opts = append(opts, nats.UserJWT(func() (string, error) { return jwt, nil }, func(nonce []byte) ([]byte, error) { return sign(seed, nonce) }))
	case cert != "" && key != "":
		opts = append(opts, nats.ClientCert(cert, key))
	case token != "":
		opts = append(opts, nats.Token(token))
	}
	nc, err := nats.Connect(servers, opts...)
	if err != nil {
		return nil, fmt.Errorf("NATS at %s: %w", shown(servers), err)
	}
	return nc, nil
}

func sign(seed string, nonce []byte) ([]byte, error) {
	kp, err := nkeys.FromSeed([]byte(seed))
	if err != nil {
		return nil, fmt.Errorf("seedKey is no seed of an nkey: %w", err)
	}
	defer kp.Wipe()
	return kp.Sign(nonce)
}

// shown is a list of servers without what they may hold of user and password.
func shown(servers string) string {
	list := strings.Split(servers, ",")
	for i, s := range list {
		u, err := url.Parse(strings.TrimSpace(s))
		if err != nil {
			list[i] = "an address that is no URL"
			continue
		}
		u.User = nil
		list[i] = u.String()
	}
	return strings.Join(list, ",")
}
