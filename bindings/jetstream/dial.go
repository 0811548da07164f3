package jetstream

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

const (
	// reconnectWait is the pause between attempts to reach a server that was
	// lost.
	reconnectWait = time.Second
	// pingEvery is how often a silent server is asked for a sign of life; after
	// two without one the connection counts as broken.
	pingEvery = 15 * time.Second
)

// ErrUnreachable marks an error of Dial that may pass: the server is not there,
// or does not take the credentials. All others are faults of the metadata.
var ErrUnreachable = errors.New("NATS cannot be reached")

// Dial connects to the server that a pubsub.jetstream component names, by the
// metadata that Dapr's component takes for it: natsURL, jwt and seedKey, or
// tls_client_cert and tls_client_key, or token. Names count in any case. A
// connection that breaks is made again until it is closed.
//
// name is what the server shows for the connection. Errors hold no secret.
func Dial(metadata map[string]string, name string, log *slog.Logger) (*nats.Conn, error) {
	get := settings(metadata).get
	servers := get("natsURL")
	if servers == "" {
		return nil, errors.New("natsURL is missing: set it to nats://HOST:PORT")
	}
	opts := []nats.Option{
		nats.Name(name), nats.MaxReconnects(-1), nats.ReconnectWait(reconnectWait), nats.PingInterval(pingEvery),
		// Credentials may be refused while a server starts, or be replaced.
		nats.IgnoreAuthErrorAbort(),
		nats.ErrorHandler(reporter(servers, log)),
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
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, shown(servers), err)
	}
	return nc, nil
}

// reportEvery is the least time between two reports of errors: a right that is
// missing is missing for each event.
const reportEvery = 10 * time.Second

// reporter logs what the server finds fault with, such as a right that the
// credentials do not have.
func reporter(servers string, log *slog.Logger) nats.ErrHandler {
	var last atomic.Int64
	return func(_ *nats.Conn, _ *nats.Subscription, err error) {
		now := time.Now().UnixNano()
		if was := last.Load(); now-was < int64(reportEvery) && was != 0 || !last.CompareAndSwap(last.Load(), now) {
			return
		}
		log.Warn("NATS reports an error", "server", shown(servers), "error", err.Error())
	}
}

// settings are a component's metadata: names count in any case.
type settings map[string]string

func (s settings) get(name string) string {
	for _, k := range slices.Sorted(maps.Keys(s)) {
		if strings.EqualFold(k, name) {
			return s[k]
		}
	}
	return ""
}

// With returns the options with what the metadata of a pubsub.jetstream
// component says of where JetStream is and how often it keeps events: domain,
// apiPrefix and replicas. What it says of one stream and its consumer is not
// for queues, each of which has its own.
func (o Options) With(metadata map[string]string) (Options, error) {
	get := settings(metadata).get
	o.Domain, o.APIPrefix = get("domain"), get("apiPrefix")
	if text := get("replicas"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 5 {
			return o, fmt.Errorf("replicas is %q: JetStream keeps 1 to 5 copies", text)
		}
		o.Replicas = n
	}
	return o, nil
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
