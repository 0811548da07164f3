package host

import (
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weftmesh/weft/internal/contract"
)

// Defaults of Options.
const (
	// DefaultMaxBody bounds the body of a request, in bytes.
	DefaultMaxBody = 4 << 20
	// DefaultGrace bounds how long calls may finish after a stop: below the
	// 30 seconds that Kubernetes leaves a container.
	DefaultGrace = 25 * time.Second
)

// Options of a Host. The zero value serves by hand: no sink, no timeout.
type Options struct {
	// Target picks one of several functions, by its name as written or in
	// kebab-case, to be served at every path. Without it a single function is
	// served so, and several each at /<name>.
	Target string
	// Service is the name that the engine gives the function (K_SERVICE).
	Service string
	// Sink is where what an HTTP-triggered function emits is sent (K_SINK).
	// Its last path segment is the token that deliveries must carry.
	Sink string
	// Timeout of one call until its answer begins; 0 for none.
	Timeout time.Duration
	// MaxBody bounds the body of a request, in bytes; DefaultMaxBody if 0.
	MaxBody int64
	// Grace bounds how long Serve waits for calls under way after its context
	// ends; DefaultGrace if 0.
	Grace time.Duration
	// Ready says why the function cannot take calls yet, nil if it can. It is
	// asked at each readiness probe, by several at a time; nil means always
	// ready.
	Ready func() error
	// Alive says why the function must be restarted, nil if it need not. It is
	// asked at each liveness probe, by several at a time; nil means always
	// alive.
	Alive func() error
	// Logger for what the host and, by fn.Logger, the functions log;
	// slog.Default() if nil.
	Logger *slog.Logger
	// Transport carries what is sent to Sink; a pool of connections of the
	// host's own if nil.
	Transport http.RoundTripper
}

// FromEnv reads Options from the environment of the contract: FUNCTION_TARGET,
// K_SERVICE, K_SINK, WEFT_TIMEOUT, WEFT_MAX_BODY and WEFT_GRACE. Its errors
// name the variable.
func FromEnv(getenv func(string) string) (Options, error) {
	o := Options{Target: getenv(contract.EnvTarget), Service: getenv(contract.EnvService), Sink: getenv(contract.EnvSink)}
	var err error
	if o.Timeout, err = duration(getenv, contract.EnvTimeout); err != nil {
		return Options{}, err
	}
	if o.Grace, err = duration(getenv, contract.EnvGrace); err != nil {
		return Options{}, err
	}
	if s := getenv(contract.EnvMaxBody); s != "" {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n <= 0 {
			return Options{}, fmt.Errorf("%s=%q is not a number of bytes above 0, such as 4194304", contract.EnvMaxBody, s)
		}
		o.MaxBody = n
	}
	return o, nil
}

func duration(getenv func(string) string, name string) (time.Duration, error) {
	s := getenv(name)
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%s=%q is not a duration such as 30s or 1m30s", name, s)
	}
	return d, nil
}

// tokenOf returns the token that a sink's URL holds. The error does not show
// it.
func tokenOf(sink string) (string, error) {
	if sink == "" {
		return "", nil
	}
	u, err := url.Parse(sink)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("%s is not an http or https URL", contract.EnvSink)
	}
	path := strings.TrimSuffix(u.Path, "/")
	return path[strings.LastIndexByte(path, '/')+1:], nil
}
