package dapr

import (
	"context"
	"crypto/tls"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/dapr/go-sdk/client"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"github.com/weftmesh/weft/runtime/internal/call"
)

const (
	headerToken = "dapr-api-token"
	// maxAnswer bounds what is read of an answer, in bytes: that of several
	// keys may be larger than what one call may send.
	maxAnswer = 64 << 20
)

// The client of go-sdk writes lines to standard output, "API Token loaded" the
// first of them. They become records of the program's log, where its level
// decides; a program may call SetLogger itself.
func init() { client.SetLogger(log.New(sdkLog{}, "", 0)) }

type sdkLog struct{}

func (sdkLog) Write(line []byte) (int, error) {
	text, level := strings.TrimSpace(string(line)), slog.LevelDebug
	if strings.Contains(strings.ToLower(text), "error") {
		level = slog.LevelWarn
	}
	slog.Log(context.Background(), level, text, "from", "dapr/go-sdk")
	return len(line), nil
}

// Dial returns a backend that speaks to a Dapr API. It connects with the first
// call, so that a function which needs no component at once starts at once.
func Dial(endpoint, token string, opts ...grpc.DialOption) (*Backend, error) {
	target, secure, err := parse(endpoint)
	if err != nil {
		return nil, fmt.Errorf("DAPR_GRPC_ENDPOINT: %w", err)
	}
	creds := insecure.NewCredentials()
	if secure {
		creds = credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12})
	}
	conn, err := grpc.NewClient(target, append([]grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithUserAgent("weft"),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswer)),
		grpc.WithDisableServiceConfig(),
		// An engine that starts again is found again at once.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return invoke(outgoing(ctx, token), method, req, reply, cc, opts...)
		}),
	}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("DAPR_GRPC_ENDPOINT: %w", err)
	}
	return &Backend{conn: conn, sdk: client.NewClientWithConnection(conn)}, nil
}

// outgoing adds to a call who calls and in which trace: the span that the
// handler is in, else that of the function's call. Metadata that the handler
// has put into its context stays.
func outgoing(ctx context.Context, token string) context.Context {
	var pairs []string
	if token != "" {
		pairs = append(pairs, headerToken, token)
	}
	if !trace.SpanContextFromContext(ctx).IsValid() {
		if c := call.From(ctx); c != nil {
			ctx = trace.ContextWithRemoteSpanContext(ctx, c.Span)
		}
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	md, _ := metadata.FromOutgoingContext(ctx)
	for k, v := range carrier {
		if len(md.Get(k)) == 0 {
			pairs = append(pairs, k, v)
		}
	}
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}

// parse reads an endpoint as Dapr's SDKs do (the proposal "sidecar endpoint
// and TLS"): host:port, http://host:port, https://host:port for TLS,
// unix:///path, unix-abstract:name, or dns://authority/host:port, with
// ?tls=true. The target is gRPC's name of it.
func parse(endpoint string) (target string, secure bool, err error) {
	bad := func(why string) (string, bool, error) {
		return "", false, fmt.Errorf("%q is no endpoint (%s): it should look like http://127.0.0.1:50001", endpoint, why)
	}
	full := endpoint
	if !strings.Contains(full, "://") && !strings.HasPrefix(full, "unix:") && !strings.HasPrefix(full, "unix-abstract:") {
		full = "http://" + full
	}
	u, err := url.Parse(full)
	if err != nil {
		return bad("it does not parse")
	}
	for k, v := range u.Query() {
		if k != "tls" || len(v) != 1 || v[0] != "true" && v[0] != "false" {
			return bad("only ?tls=true or ?tls=false may follow")
		}
		secure = v[0] == "true"
	}
	switch u.Scheme {
	case "http", "https":
		if u.RawQuery != "" {
			return bad("http and https say by themselves whether there is TLS")
		}
		if strings.Trim(u.Path, "/") != "" || u.User != nil || u.Fragment != "" {
			return bad("there is more than host and port")
		}
		host, port := u.Hostname(), u.Port()
		if host == "" {
			host = "localhost"
		}
		if port == "" {
			port = "443"
		}
		scheme := "dns:///"
		if net.ParseIP(host) != nil {
			scheme = "passthrough:///" // nothing to resolve
		}
		return scheme + net.JoinHostPort(host, port), u.Scheme == "https", nil
	case "unix":
		if u.Host != "" || len(u.Path) < 2 {
			return bad("unix takes an absolute path, as in unix:///run/dapr.sock")
		}
		// Escaped, since gRPC reads a target as a URL.
		return (&url.URL{Scheme: u.Scheme, Path: u.Path}).String(), secure, nil
	case "unix-abstract":
		if u.Host != "" || u.Opaque+strings.Trim(u.Path, "/") == "" {
			return bad("unix-abstract takes a name, as in unix-abstract:dapr")
		}
		u.RawQuery = ""
		return u.String(), secure, nil
	case "dns":
		if strings.Trim(u.Path, "/") == "" {
			return bad("dns takes a name, as in dns:///localhost:50001")
		}
		u.RawQuery = ""
		return u.String(), secure, nil
	}
	return bad("unknown scheme")
}
