package daprapi

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"

	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/bindings/subscriptions"
	"github.com/weftmesh/weft/mesh"
)

// Topics is what the API needs of bindings/subscriptions.
type Topics interface {
	Active() []subscriptions.Subscription
	Stream(caller *mesh.Function, stream runtimev1.Dapr_SubscribeTopicEventsAlpha1Server) error
}

// Config of New. Plan, Components, Functions and Caller are required.
type Config struct {
	Plan       *mesh.Plan
	Components *components.Set
	// Functions calls a function's own server, for service invocation.
	Functions subscriptions.Functions
	// Topics serves streaming subscriptions; without it they are Unimplemented.
	Topics Topics
	// Caller finds the function whose token it is.
	Caller func(token string) (*mesh.Function, bool)
	// MaxBody bounds a request in bytes; 4 MiB if zero (daprd's
	// --max-body-size).
	MaxBody int
	// Version that the metadata API tells.
	Version string
	// Logger; slog.Default() if nil.
	Logger *slog.Logger
}

// API is the Dapr API of one generation of a mesh.
type API struct{}

// New returns an API.
func New(cfg Config) (*API, error) { return &API{}, nil }

// Server serves whichever API is current over gRPC and HTTP.
type Server struct{}

// NewServer returns a server. use gives the current API, which is not replaced
// under a call: it stays until release. For a stream, Config.Topics ends it.
func NewServer(use func() (api *API, release func())) *Server { return &Server{} }

// ServeGRPC serves gRPC on l until Shutdown.
func (s *Server) ServeGRPC(l net.Listener) error { return nil }

// Handler serves /v1.0/...
func (s *Server) Handler() http.Handler { return http.NotFoundHandler() }

// Shutdown lets calls under way finish until ctx ends.
func (s *Server) Shutdown(ctx context.Context) error { return nil }
