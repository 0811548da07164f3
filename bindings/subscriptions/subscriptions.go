package subscriptions

import (
	"context"
	"log/slog"
	"net/http"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"

	"github.com/weftmesh/weft/bindings/components"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/source"
)

// Functions calls the functions of a mesh, and wakes those at zero.
type Functions interface {
	// Do sends a request to f: method, path, query, headers and body count, the
	// host does not. The caller closes the answer's body, which frees the place
	// on the replica.
	Do(f *mesh.Function, r *http.Request) (*http.Response, error)
}

// Config of New. Plan, Components and Functions are required.
type Config struct {
	Plan       *mesh.Plan
	Components *components.Set
	// Declared are the Subscription documents beside the mesh.
	Declared  []source.Subscription
	Functions Functions
	// Logger; slog.Default() if nil.
	Logger *slog.Logger
}

// Manager keeps the subscriptions of one generation of a mesh. It is safe for
// concurrent use.
type Manager struct{}

// New checks what is declared; errors name the subscription and the reason.
func New(cfg Config) (*Manager, error) { return &Manager{}, nil }

// Run asks the functions that see a pub/sub component or input binding what
// they want, subscribes, and delivers until ctx ends; then it stops taking
// messages and waits for deliveries under way.
func (m *Manager) Run(ctx context.Context) error { return nil }

// Discover asks f again what it subscribes to: its code has changed.
func (m *Manager) Discover(ctx context.Context, f *mesh.Function) {}

// Subscription is one that is in force.
type Subscription struct {
	Function        *mesh.Function
	PubSub, Topic   string
	DeadLetterTopic string
	// Type is DECLARATIVE, PROGRAMMATIC or STREAMING (Dapr's metadata API).
	Type     string
	Metadata map[string]string
	// Rules in order; the last may match everything.
	Rules []Rule
}

// Rule sends events for which Match (CEL over event.*; "" for all) is true to
// Path.
type Rule struct{ Match, Path string }

// Active lists what is in force.
func (m *Manager) Active() []Subscription { return nil }

// Stream serves SubscribeTopicEventsAlpha1 for a caller until the stream or the
// manager ends. Errors are gRPC statuses.
func (m *Manager) Stream(caller *mesh.Function, stream runtimev1.Dapr_SubscribeTopicEventsAlpha1Server) error {
	return nil
}
