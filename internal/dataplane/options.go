package dataplane

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/weftmesh/weft/internal/adminserver"
	"github.com/weftmesh/weft/mesh"
)

// Role says what a process of the data plane does.
type Role string

// The roles.
const (
	// RoleFront serves gateway and sink, and dispatches.
	RoleFront Role = "front"
	// RoleDispatcher only dispatches.
	RoleDispatcher Role = "dispatcher"
)

// Defaults of Options.
const (
	DefaultMesh    = "/etc/weft/mesh"
	DefaultTokens  = "/etc/weft/tokens"
	DefaultSecrets = "/etc/weft/secrets"
	DefaultHTTP    = ":8080"
	DefaultSink    = ":8081"
	DefaultScaler  = ":8082"
	DefaultMetrics = ":9090"
	DefaultAdmin   = "127.0.0.1:9091"

	defaultDrain = 30 * time.Second
)

// Options of Run.
type Options struct {
	Role Role
	// Mesh, Tokens and Secrets are the directories that hold what the package
	// comment lists.
	Mesh, Tokens, Secrets string
	// HTTP and Sink are the addresses of gateway and sink (front only), Metrics
	// that of metrics and health. Admin is that of the admin API (front only):
	// it asks for no token, so it must be one of the pod's own. Scaler is where
	// KEDA asks what waits (front only): it tells numbers of events, and who may
	// reach it is a NetworkPolicy's matter.
	HTTP, Sink, Metrics, Admin, Scaler string
	// Function, of a dispatcher, is the one function whose queue it takes,
	// called at Local: it runs in the same pod. All functions with the scaler
	// knative if empty.
	Function, Local string
	// Keeper names the pubsub.jetstream component that keeps what the mesh's
	// broker does not, where that is of another type.
	Keeper string
	// Domain of the cluster's names; cluster.local if empty.
	Domain string
	// Address overrides where functions are, for tests and clusters with names
	// of their own.
	Address func(*mesh.Function) string
	// Linger is how long a front goes on serving after it was asked to stop,
	// until nobody is sent to it any more.
	Linger time.Duration
	// Drain bounds how long calls under way may take after that; 30s if zero.
	Drain time.Duration
	// Logger; slog.Default() if nil.
	Logger *slog.Logger
	// OnReady is called once, with the addresses in use, when the process does
	// its work.
	OnReady func(Addresses)
}

// Addresses that a process serves at; "" for what it does not serve.
type Addresses struct{ HTTP, Sink, Metrics, Admin, Scaler string }

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.Role != RoleFront && o.Role != RoleDispatcher:
		return o, fmt.Errorf("role %q: it is %s or %s", o.Role, RoleFront, RoleDispatcher)
	case o.Role == RoleFront && o.Function != "":
		return o, fmt.Errorf("a front serves all functions: --function is for a %s", RoleDispatcher)
	case (o.Function == "") != (o.Local == ""):
		return o, fmt.Errorf("--function and --local go together: the function and where it is in this pod")
	}
	for _, d := range []struct {
		field *string
		value string
	}{
		{&o.Mesh, DefaultMesh}, {&o.Tokens, DefaultTokens}, {&o.Secrets, DefaultSecrets},
		{&o.HTTP, DefaultHTTP}, {&o.Sink, DefaultSink}, {&o.Metrics, DefaultMetrics}, {&o.Admin, DefaultAdmin},
		{&o.Scaler, DefaultScaler},
		{&o.Domain, "cluster.local"},
	} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	if o.Role == RoleFront && !adminserver.Loopback(o.Admin) {
		return o, fmt.Errorf("--admin %s: the admin API asks for no token, so its address must be of the loopback interface, such as %s", o.Admin, DefaultAdmin)
	}
	if o.Drain <= 0 {
		o.Drain = defaultDrain
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o, nil
}
