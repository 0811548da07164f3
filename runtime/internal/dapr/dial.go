package dapr

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/weftmesh/weft/runtime/internal/call"
	"github.com/weftmesh/weft/runtime/internal/unary"
)

const (
	headerToken = "dapr-api-token"
	// maxAnswer bounds what is read of an answer, in bytes: that of several
	// keys may be larger than what one call may send.
	maxAnswer = 64 << 20
)

// Option of Dial.
type Option func(*unary.Client)

// Dialer has connections made by dial, whatever the endpoint says.
func Dialer(dial func(context.Context) (net.Conn, error)) Option {
	return func(c *unary.Client) { c.Dial = dial }
}

// Dial returns a backend that speaks to a Dapr API. It connects with the first
// call, so that a function which needs no component at once starts at once.
func Dial(endpoint, token string, opts ...Option) (*Backend, error) {
	at, err := parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("DAPR_GRPC_ENDPOINT: %w", err)
	}
	c := &unary.Client{Dial: at.dial, Scheme: "http", Authority: at.authority, UserAgent: "weft", MaxAnswer: maxAnswer}
	if at.secure {
		c.Scheme = "https"
	}
	for _, o := range opts {
		o(c)
	}
	return &Backend{client: c, token: token}, nil
}

// endpoint is where an API is.
type endpoint struct {
	network, address, authority string
	secure                      bool
}

func (e endpoint) dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	if !e.secure {
		return d.DialContext(ctx, e.network, e.address)
	}
	secure := tls.Dialer{NetDialer: &d, Config: &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}}}
	conn, err := secure.DialContext(ctx, e.network, e.address)
	if err != nil {
		return nil, err
	}
	if p := conn.(*tls.Conn).ConnectionState().NegotiatedProtocol; p != "h2" {
		_ = conn.Close()
		return nil, fmt.Errorf("the server at %s speaks TLS and no HTTP/2", e.address)
	}
	return conn, nil
}

// header says who calls and in which trace: the span that the handler is in,
// else that of the function's call.
func (b *Backend) header(ctx context.Context) []unary.Header {
	h := make(carrier, 0, 3)
	if b.token != "" {
		h = append(h, unary.Header{Name: headerToken, Value: b.token})
	}
	if !trace.SpanContextFromContext(ctx).IsValid() {
		if c := call.From(ctx); c != nil {
			ctx = trace.ContextWithRemoteSpanContext(ctx, c.Span)
		}
	}
	propagation.TraceContext{}.Inject(ctx, &h)
	return h
}

// carrier takes a trace along.
type carrier []unary.Header

func (c *carrier) Get(string) string { return "" }
func (c *carrier) Keys() []string    { return nil }

func (c *carrier) Set(name, value string) {
	*c = append(*c, unary.Header{Name: name, Value: value, Varies: true})
}

// parse reads an endpoint as Dapr's SDKs do (the proposal "sidecar endpoint
// and TLS"): host:port, http://host:port, https://host:port for TLS,
// unix:///path, unix-abstract:name, or dns://authority/host:port, with
// ?tls=true. Names are resolved by the system, whatever authority is named.
func parse(text string) (endpoint, error) {
	bad := func(why string) (endpoint, error) {
		return endpoint{}, fmt.Errorf("%q is no endpoint (%s): it should look like http://127.0.0.1:50001", text, why)
	}
	full := text
	if !strings.Contains(full, "://") {
		if scheme, rest, ok := strings.Cut(full, ":"); ok && strings.HasPrefix(scheme, "unix") {
			full = scheme + "://" + rest
			if scheme == "unix-abstract" {
				full = scheme + ":///" + rest
			}
		} else {
			full = "http://" + full
		}
	}
	u, err := url.Parse(full)
	if err != nil {
		return bad("it does not parse")
	}
	var e endpoint
	for k, v := range u.Query() {
		if k != "tls" || len(v) != 1 || v[0] != "true" && v[0] != "false" {
			return bad("only ?tls=true or ?tls=false may follow")
		}
		e.secure = v[0] == "true"
	}
	switch u.Scheme {
	case "http", "https":
		if u.RawQuery != "" {
			return bad("http and https say by themselves whether there is TLS")
		}
		if strings.Trim(u.Path, "/") != "" || u.User != nil || u.Fragment != "" {
			return bad("there is more than host and port")
		}
		e.secure = u.Scheme == "https"
		return e.host(u.Hostname(), u.Port()), nil
	case "dns":
		at, err := url.Parse("http://" + strings.Trim(u.Path, "/"))
		if err != nil || at.Hostname() == "" {
			return bad("dns takes a name, as in dns:///localhost:50001")
		}
		return e.host(at.Hostname(), at.Port()), nil
	case "unix", "unix-abstract":
		if u.Host != "" || len(u.Path) < 2 {
			return bad("unix takes an absolute path, as in unix:///run/dapr.sock")
		}
		e.network, e.address, e.authority = "unix", u.Path, "localhost"
		if u.Scheme == "unix-abstract" {
			e.address = "@" + u.Path[1:]
		}
		return e, nil
	}
	return bad("unknown scheme")
}

func (e endpoint) host(name, port string) endpoint {
	if name == "" {
		name = "localhost"
	}
	if port == "" {
		port = "443"
	}
	e.network, e.address = "tcp", net.JoinHostPort(name, port)
	e.authority = e.address
	return e
}
