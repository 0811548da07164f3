package daprapi

import (
	"errors"
	"log/slog"

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
	// Caller finds the function whose token it is, a function of Plan. It
	// compares in constant time.
	Caller func(token string) (*mesh.Function, bool)
	// MaxBody bounds in bytes what a function may answer to InvokeService;
	// DefaultMaxBody if zero.
	MaxBody int
	// Version that the metadata API tells.
	Version string
	// Logger; slog.Default() if nil.
	Logger *slog.Logger
}

// API is the Dapr API of one generation of a mesh. It is safe for concurrent
// use.
type API struct {
	plan      *mesh.Plan
	functions subscriptions.Functions
	topics    Topics
	identify  func(token string) (*mesh.Function, bool)
	version   string
	maxBody   int
	log       *slog.Logger
	// callers by app id, with what each sees.
	callers map[string]*caller
}

// opened is what New needs of a components.Set.
type opened interface {
	Infos() []components.Info
	State(name string) *components.State
	PubSub(name string) *components.PubSub
	Output(name string) *components.Output
	Input(name string) *components.Input
	Secrets(name string) *components.Secrets
}

// New returns an API. What each function sees is settled here, so that a call
// looks up and builds nothing.
func New(cfg Config) (*API, error) {
	switch {
	case cfg.Plan == nil:
		return nil, errors.New("dapr api: no plan: set Config.Plan")
	case cfg.Components == nil:
		return nil, errors.New("dapr api: no components: set Config.Components")
	case cfg.Functions == nil:
		return nil, errors.New("dapr api: nothing to call functions with: set Config.Functions")
	case cfg.Caller == nil:
		return nil, errors.New("dapr api: nothing tells callers apart: set Config.Caller")
	}
	return newAPI(cfg, cfg.Components), nil
}

func newAPI(cfg Config, set opened) *API {
	a := &API{
		plan: cfg.Plan, functions: cfg.Functions, topics: cfg.Topics, identify: cfg.Caller,
		version: cfg.Version, maxBody: cfg.MaxBody, log: cfg.Logger,
		callers: make(map[string]*caller, len(cfg.Plan.Functions)),
	}
	if a.log == nil {
		a.log = slog.Default()
	}
	if a.maxBody == 0 {
		a.maxBody = DefaultMaxBody
	}
	for _, f := range cfg.Plan.Functions {
		a.callers[f.Service] = newCaller(a, f, set)
	}
	return a
}
